import { type Grammar, grammar } from "ohm-js";

/** The language of expressions, as docs/EXPRESSIONS.md shows it. */
export const GRAMMAR = String.raw`Expression {
  Whole     = Either
  Either    = Both ("||" Both)*
  Both      = Single ("&&" Single)*
  Single    = "!" Single                   -- not
            | Subject ":" Either           -- of
            | Looked
            | Compared
            | "(" Either ")"               -- parens
            | word                         -- flag
  Subject   = pid number                   -- pid
            | mm number                    -- mm
  Looked    = vma Place? name              -- vma
            | pte Place name+              -- pte
            | task number name             -- task
            | cpu number name number?      -- cpu
            | changed Sum                  -- changed
  Place     = number (".." number)?
  Compared  = Sum operator Sum
  Sum       = Sum "+" Product              -- plus
            | Sum "-" Product              -- minus
            | Product
  Product   = Product "*" Factor           -- times
            | Product bitAnd Factor        -- and
            | Factor
  Factor    = number                       -- number
            | text                         -- text
            | word                         -- word
            | "(" Sum ")"                  -- parens

  operator (one of == != <= >= < >)
            = "==" | "!=" | "<=" | ">=" | "<" | ">"
  bitAnd (&)
            = "&" ~"&"
  number (a number)
            = "0x" hexDigit+ wordEnd       -- hex
            | digit+ ("." digit+)? unit? wordEnd -- plain
  unit      = "K" | "M" | "G" | "T"
  text (text in quotes)
            = "\"" (~"\"" ~"\n" any)* "\""
  word (a name)
            = ~vma ~changed letter wordPart*
  name (a word)
            = letter wordPart*
  wordPart  = alnum | "_"
  wordEnd   = ~wordPart
  pid       = "pid" wordEnd
  mm        = "mm" wordEnd
  vma       = "vma" wordEnd
  pte       = "pte" wordEnd
  task      = "task" wordEnd
  cpu       = "cpu" wordEnd
  changed   = "changed" wordEnd
}`;

let compiled: Grammar | undefined;

/** Compiled when it is asked for first: most of what uses the core parses nothing. */
export function expressionGrammar(): Grammar {
  compiled ??= grammar(GRAMMAR);
  return compiled;
}
