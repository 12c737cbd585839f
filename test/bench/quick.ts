import { makeWorkload, PROCESS } from "./workload.ts";
import { plainMm, executePlain } from "./plain-mm.ts";
import { replayEvents, mmOf, ERRNO } from "@pagetrail/core";
const N=100_000;
for (const n of [20,1000]) {
  const {origin, events}=makeWorkload(n,N);
  const count: Record<string,number>={}; const err: Record<string,number>={};
  for(const e of events){count[e.request.call]=(count[e.request.call]??0)+1; if("errno" in e.outcome){const k=e.request.call+e.outcome.errno; err[k]=(err[k]??0)+1;}}
  console.log(n,count,err);
  // agree
  const p=plainMm(origin,PROCESS); let bad=0;
  let minv=1e9,maxv=0;
  for(const e of events){const r=executePlain(p,e.request); const want="ret" in e.outcome? Number(e.outcome.ret): "errno" in e.outcome? -ERRNO[e.outcome.errno as keyof typeof ERRNO]:0; if(r!==want&&bad++<5)console.log("DIFF",e,r); minv=Math.min(minv,p.vmas.length);maxv=Math.max(maxv,p.vmas.length)}
  const rep=replayEvents(origin,events); const mm=mmOf(rep.state,PROCESS)!;
  console.log("bad",bad,"vmas",mm.vmas.size,p.vmas.length,minv,maxv, mm.totalVm===p.totalVm, mm.dataVm===p.dataVm,mm.execVm===p.execVm, rep.state.committed===p.committed, mm.hiwaterVm===p.hiwaterVm, mm.brk===p.brk);
  let i=0;for(const v of mm.vmas){const q=p.vmas[i++]!; if(v.start!==q.start||v.end!==q.end||v.flags!==q.flags||v.pgoff!==q.pgoff||v.file!==q.file){console.log("VMADIFF",i,v,q);break;}}
  const med=(a:number[])=>a.sort((x,y)=>x-y)[a.length>>1]!;
  const a:number[]=[],b:number[]=[];
  for(let k=0;k<9;k++){let t=performance.now(); const r=replayEvents(origin,events); if(r.differs)throw 1; a.push(performance.now()-t);
    const p=plainMm(origin,PROCESS); t=performance.now(); let c=0; for(const e of events){const r=executePlain(p,e.request); const want="ret" in e.outcome? e.outcome.ret: "errno" in e.outcome? -ERRNO[e.outcome.errno as keyof typeof ERRNO]:0; if(r===want)c++;} b.push(performance.now()-t); if(c!==N)throw 2;}
  console.log(n,"model us/ev",med(a)/N*1e3,"plain",med(b)/N*1e3,"ratio",med(a)/med(b), Math.min(...a)/Math.min(...b));
}
