import { makeWorkload, PROCESS } from "./workload.ts";
import { execute, Transaction, mmOf } from "@pagetrail/core";
const w=makeWorkload(20,10000);
const tx=new Transaction(w.origin);
const E=(request:any)=>({tid:PROCESS,request,outcome:{ret:0}});
const vmas=mmOf(w.origin,PROCESS)!.vmas.toArray(); const v=vmas[10]!; const a=v.start*4096,l=(v.end-v.start)*4096;
const mp1=E({call:"mprotect",addr:a,length:l,prot:1}), mp3=E({call:"mprotect",addr:a,length:l,prot:3});
console.log(mmOf(w.origin,PROCESS)!.vmas.toArray().slice(8,13));
for(let i=0;i<1e6;i++){execute(tx,mp1);execute(tx,mp3)}
