const dir=process.argv[2]!;
const core=await import(dir+"/index.ts");
const {GapTree}=core;
for (const n of [20,1000]){
const items=Array.from({length:n},(_,i)=>({start:34359700000+i*10,end:34359700000+i*10+ (i%3?10:6)}));
const t=GapTree.from(items);
const mid=items[n>>1]!, m2=items[(n>>1)+1]!;
const a={start:mid.start,end:mid.start+2},b={start:mid.start+2,end:mid.start+4},c={start:mid.start+4,end:mid.end};
const bench=(name:string,f:()=>void)=>{let best=1e9; for(let r=0;r<200;r++){const t=performance.now(); for(let i=0;i<3000;i++)f(); const d=(performance.now()-t)/3000*1e6; if(d<best)best=d;} console.log(n,name,best.toFixed(1),"ns");};
bench("rem+ins",()=>{t.splice([mid],[]);t.splice([],[mid])});
bench("1-3-1",()=>{t.splice([mid],[a,b,c]);t.splice([a,b,c],[mid])});
bench("replace same",()=>{t.replaceItem(mid,mid)});
bench("replace other span",()=>{t.replaceItem(mid,a);t.replaceItem(a,mid)});
bench("findFrom",()=>{t.findFrom(mid.start)});
bench("findBefore",()=>{t.findBefore(mid.start)});
bench("gap",()=>{t.highestGap(4,16,34359700000+n*10)});
bench("gapfar",()=>{t.highestGap(5,16,34359700000+n*10)});
}
