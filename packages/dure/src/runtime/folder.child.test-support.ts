import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { makeFolder } from './runtime.ts'

/** Makes one folder after the other, each at the same time as the threads beside it. */
const { root, rounds, threads, arrived } = workerData as {
  root: string
  rounds: number
  threads: number
  arrived: SharedArrayBuffer
}
const count = new Int32Array(arrived)
for (let round = 1; round <= rounds; round++) {
  Atomics.add(count, 0, 1)
  while (Atomics.load(count, 0) < round * threads);
  makeFolder(join(root, String(round), 'a', 'b'))
}
