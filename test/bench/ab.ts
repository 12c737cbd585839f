// usage: ab.ts labelA=dir labelB=dir ... ; compares replayEvents of several core copies against plain
import { makeWorkload, PROCESS } from "./workload.ts";
import { plainMm, executePlain } from "./plain-mm.ts";
import { ERRNO, mmOf } from "@pagetrail/core";
const args=process.argv.slice(2).filter(a=>a.includes("=")).map(a=>a.split("=") as [string,string]);
const sizes=(process.env.SIZES??"20,1000").split(",").map(Number);
const N=Number(process.env.N??40000), C=2000, R=Number(process.env.R??25);
for(const n of sizes){
  const w=makeWorkload(n,N);
  const all=[...w.preparation,...w.events];
  const vs=[] as any[];
  for(const [label,dir] of args){
    const core=await import(dir+(process.env.EXT==="js"||/dist|bundle/.test(dir)?"/index.js":"/index.ts"));
    let s=core.initialState(w.origin.profile);
    for(const e of w.preparation) s=core.advanceState(s,e).state;
    vs.push({label,core,origin:s,min:new Array(N/C).fill(1e9)});
  }
  const pl={min:new Array(N/C).fill(1e9)};
  for(let r=0;r<R;r++){
    for(const v of vs){ let s=v.origin; for(let c=0;c<N/C;c++){const ev=w.events.slice(c*C,c*C+C); const t=performance.now(); const q=v.core.replayEvents(s,ev); const d=performance.now()-t; if(q.differs)throw new Error(v.label+JSON.stringify(q.differs)); s=q.state; if(d<v.min[c])v.min[c]=d;} 
      if(r===0){console.log(v.label, v.core.mmOf(s,PROCESS).vmas.size, s.committed);} }
    const p=plainMm(w.origin,PROCESS); for(let c=0;c<N/C;c++){const ev=w.events.slice(c*C,c*C+C); const t=performance.now(); let k=0; for(const e of ev){const r=executePlain(p,e.request); const want="ret" in e.outcome? e.outcome.ret: "errno" in e.outcome? -ERRNO[e.outcome.errno as keyof typeof ERRNO]:0; if(r===want)k++;} const d=performance.now()-t; if(k!==C)throw 1; if(d<pl.min[c])pl.min[c]=d;}
  }
  const sum=(a:number[])=>a.reduce((x,y)=>x+y,0)/N*1e6;
  const p=sum(pl.min);
  console.log(n,"plain",p.toFixed(0)+" ns", ...vs.map(v=>`${v.label} ${sum(v.min).toFixed(0)} (${(sum(v.min)/p).toFixed(2)}x)`));
}
