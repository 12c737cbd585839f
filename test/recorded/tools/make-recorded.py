#!/usr/bin/env python3
"""make-recorded.py - copy recordings for the tests and make the sysroot that they ran in.

  make-recorded.py CORPUS [CASE...]     CORPUS holds one folder per recording; default: all of them

Writes ../CASE/{strace.txt or strace.txt.gz, truth.jsonl.gz, meta.json} and ../sysroot: for every file that
a recording executed, a stub with the ELF headers that the kernel reported, at the path the file had; for
every other path it was executed by, a symbolic link, or the first line of the script.
Stops when two recordings contradict each other about a file.
"""
import gzip, json, os, re, shutil, struct, sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLAIN_LIMIT = 50_000  # a longer strace.txt is kept compressed

SEGMENT_TYPES = {
    "LOAD": 1, "DYNAMIC": 2, "INTERP": 3, "NOTE": 4, "PHDR": 6, "TLS": 7,
    "GNU_EH_FRAME": 0x6474E550, "GNU_STACK": 0x6474E551, "GNU_RELRO": 0x6474E552, "GNU_PROPERTY": 0x6474E553,
}


def elf_stub(image, interp_path):
    """The file header, the program headers and the interpreter's name, each where the file had it."""
    wide = image["class"] == 64
    header_size, entry_size = (64, 56) if wide else (52, 32)
    segments = image["phdrs"]
    phoff = next((int(s["off"], 0) for s in segments if s["type"] == "PHDR"), header_size)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    kind, machine = {"EXEC": 2, "DYN": 3}[image["type"]], 62 if wide else 3
    tail = (0, header_size, entry_size, len(segments), 0, 0, 0)  # no section headers
    header = ident + struct.pack("<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH",
                                 kind, machine, 1, int(image["entry"], 0), phoff, 0, *tail)
    stub = bytearray(max(phoff + entry_size * len(segments), *(
        int(s["off"], 0) + int(s["filesz"], 0) for s in segments if s["type"] == "INTERP"), 0))
    stub[:len(header)] = header
    for i, s in enumerate(segments):
        flags = sum(bit for letter, bit in zip("rwx", (4, 2, 1)) if letter in s["flags"])
        off, vaddr, filesz, memsz, align = (int(s[k], 0) for k in ("off", "vaddr", "filesz", "memsz", "align"))
        type_ = SEGMENT_TYPES[s["type"]] if s["type"] in SEGMENT_TYPES else int(s["type"], 0)
        fields = (struct.pack("<IIQQQQQQ", type_, flags, off, vaddr, vaddr, filesz, memsz, align) if wide else
                  struct.pack("<IIIIIIII", type_, off, vaddr, vaddr, filesz, memsz, flags, align))
        stub[phoff + i * entry_size:phoff + (i + 1) * entry_size] = fields
        if s["type"] == "INTERP":
            name = interp_path.encode() + b"\0"
            assert len(name) == filesz, (image["path"], interp_path, filesz)
            stub[off:off + filesz] = name
    return bytes(stub)


def executed(truth, strace, cwd, files):
    """Collects into `files` what one recording says about files: path -> (kind, content)."""
    last = {}
    for t in truth:
        if t["ev"] == "exec":
            last[t["tid"]] = t
            put(files, t["exe"]["path"], ("elf", elf_stub(t["exe"], t.get("interp_path"))))
            if t.get("interp"):
                put(files, t["interp"]["path"], ("elf", elf_stub(t["interp"], None)))
                link(files, t["interp_path"], t["interp"]["path"])
        elif t["ev"] == "sys" and t["name"] == "execve" and t["ret"] == "0x0":
            exec_ = last[t["tid"]]
            path = os.path.normpath(os.path.join(cwd, t["path"]))
            if path.startswith("/proc/"):
                continue
            words = script_words(t, exec_, strace)
            if words is None:
                link(files, path, exec_["exe"]["path"])
            else:
                put(files, path, ("script", b"#!" + words + b"\n"))


def script_words(call, exec_, strace):
    """What stands after #! when the kernel put words in front of the arguments; None for an ELF program."""
    added = exec_["argbytes"] - call["argbytes"]
    if added == 0:
        return None
    # Of a script's first line strace shows what its shell read back; the kernel's byte count confirms it.
    shown = re.search(r'^%d .*read\(\d+, "#!(.*?)\\n' % call["tid"], strace, re.M)
    words = shown.group(1).encode() if shown else b""
    expected = sum(len(word) + 1 for word in words.split(None, 1)) + len(call["path"]) - len(call["argv"][0])
    if added != expected:
        raise SystemExit("no first line for the script " + call["path"])
    return words


def link(files, path, target):
    if path != target:
        put(files, path, ("link", os.path.relpath(target, os.path.dirname(path))))


def put(files, path, entry):
    if files.setdefault(path, entry) != entry:
        raise SystemExit("recordings contradict each other about " + path)


def write_sysroot(root, files):
    shutil.rmtree(root, ignore_errors=True)
    for path, (kind, content) in sorted(files.items()):
        at = root + path
        os.makedirs(os.path.dirname(at), exist_ok=True)
        if kind == "link":
            os.symlink(content, at)
        else:
            with open(at, "wb") as f:
                f.write(content)


def copy_case(source, to):
    shutil.rmtree(to, ignore_errors=True)
    os.makedirs(to)
    meta = json.load(open(os.path.join(source, "meta.json")))
    raw = open(os.path.join(source, meta["strace"]), "rb").read()
    text = gzip.decompress(raw) if meta["strace"].endswith(".gz") else raw
    meta["strace"] = "strace.txt" if len(text) <= PLAIN_LIMIT else "strace.txt.gz"
    with open(os.path.join(to, meta["strace"]), "wb") as f:
        f.write(text if len(text) <= PLAIN_LIMIT else gzip.compress(text, 9, mtime=0))
    with open(os.path.join(to, "meta.json"), "w") as f:
        f.write(json.dumps(meta, indent=1) + "\n")
    shutil.copyfile(os.path.join(source, meta["truth"]), os.path.join(to, meta["truth"]))
    with gzip.open(os.path.join(to, meta["truth"]), "rt", encoding="utf-8", errors="surrogateescape") as f:
        return meta, [json.loads(line) for line in f], text.decode("utf-8", "surrogateescape")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    corpus = sys.argv[1]
    cases = sys.argv[2:] or sorted(c for c in os.listdir(corpus) if os.path.exists(os.path.join(corpus, c, "meta.json")))
    files = {}
    for case in cases:
        meta, truth, strace = copy_case(os.path.join(corpus, case), os.path.join(HERE, case))
        executed(truth, strace, meta["cwd"], files)
    write_sysroot(os.path.join(HERE, "sysroot"), files)
    print(len(cases), "recordings,", len(files), "files in the sysroot")


main()
