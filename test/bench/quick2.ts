import { makeWorkload, PROCESS } from "./workload.ts";
import { plainMm, executePlain } from "./plain-mm.ts";
import { replayEvents, ERRNO } from "@pagetrail/core";
const N=100_000;
const only=process.argv[2];
const w=[20,1000].map(n=>[n,makeWorkload(n,N)] as const);
for (const [n,{origin,events}] of w) {
  if(only==="m"||only===undefined||only===String(n)){
  const med=(a:number[])=>a.sort((x,y)=>x-y)[a.length>>1]!;
  const a:number[]=[],b:number[]=[];
  for(let k=0;k<15;k++){let t=performance.now(); const r=replayEvents(origin,events); if(r.differs)throw 1; a.push(performance.now()-t);
    if(only==="m")continue;
    const p=plainMm(origin,PROCESS); t=performance.now(); let c=0; for(const e of events){const r=executePlain(p,e.request); const want="ret" in e.outcome? e.outcome.ret: "errno" in e.outcome? -ERRNO[e.outcome.errno as keyof typeof ERRNO]:0; if(r===want)c++;} b.push(performance.now()-t); if(c!==N)throw 2;}
  console.log(n,"model",(med(a)/N*1e3).toFixed(3),(Math.min(...a)/N*1e3).toFixed(3),"plain",(med(b)/N*1e3).toFixed(3),(Math.min(...b)/N*1e3).toFixed(3),"ratio",(med(a)/med(b)).toFixed(2),(Math.min(...a)/Math.min(...b)).toFixed(2));
}}
