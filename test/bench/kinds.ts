import { makeWorkload, PROCESS } from "./workload.ts";
import { plainMm, executePlain } from "./plain-mm.ts";
import { execute, Transaction } from "@pagetrail/core";
const n=Number(process.argv[2]??20), N=10000,R=30;
const w=makeWorkload(n,N);
const a=new Float64Array(N).fill(1e9), b=new Float64Array(N).fill(1e9);
for(let r=0;r<R;r++){ const tx=new Transaction(w.origin); for(let i=0;i<N;i++){const t=performance.now(); execute(tx,w.events[i]!); const d=performance.now()-t; if(d<a[i]!)a[i]=d;}
 const p=plainMm(w.origin,PROCESS); for(let i=0;i<N;i++){const t=performance.now(); executePlain(p,w.events[i]!.request); const d=performance.now()-t; if(d<b[i]!)b[i]=d;}}
let ov=1e9; for(let i=0;i<1e5;i++){const t=performance.now();const d=performance.now()-t; if(d<ov&&d>0)ov=d;}
const s=new Map<string,number[]>(); const p=plainMm(w.origin,PROCESS);
w.events.forEach((e,i)=>{const q=e.request; const before=p.vmas.length; executePlain(p,q); const delta=p.vmas.length-before; const k=q.call+("errno" in e.outcome?" refused":q.call==="mmap"?(q.flags&16?" fixed":q.file?" file":" anon"):"")+" "+(delta>0?"+":"")+delta; const x=s.get(k)??[0,0,0]; x[0]!++;x[1]!+=a[i]!;x[2]!+=b[i]!;s.set(k,x);});
console.log("overhead",ov*1e6);
console.log([...s].sort((x,y)=>y[1][1]!-x[1][1]!).slice(0,22).map(([k,[c,x,y]])=>`${k.padEnd(20)} n ${c} model ${((x!/c!-ov)*1e6).toFixed(0)} plain ${((y!/c!-ov)*1e6).toFixed(0)}  share ${(100*x!/[...s.values()].reduce((u,v)=>u+v[1]!,0)).toFixed(1)}%`).join("\n"));
