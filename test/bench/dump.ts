import { makeWorkload } from "./workload.ts"; import {serialize} from "node:v8"; import {writeFileSync} from "node:fs";
for(const n of [20,1000]){const w=makeWorkload(n,40000); writeFileSync(`/tmp/ab/w${n}.bin`,serialize({preparation:w.preparation,events:w.events,profile:w.origin.profile}));}
