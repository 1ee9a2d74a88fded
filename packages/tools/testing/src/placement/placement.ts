/**
 * Placement never changes behaviour: proven on a system's own contracts. The same calls, with inputs generated from the
 * contracts' schemas, go to copies of the system placed in different ways, and everything a caller can learn is compared.
 */
import { together, type Placement } from './copies.ts'
import { eachAlone } from './each-service.ts'
import { overHttp } from './http.ts'
import { inAnotherProcess, split, threads } from './processes.ts'
import { overTcp, overUnixSocket } from './sockets.ts'
import { overThrift } from './thrift.ts'

export { checkPlacement } from './check.ts'
export { placementSuite } from './suite.ts'
export { inCopies } from './each-service.ts'
export { describeReport } from './report.ts'
export { reportAsJson } from './json.ts'
export type { CheckPlacementOptions, Finding, PlacementReport } from './check.ts'
export type { Placement } from './copies.ts'
export type { FreshDatabase, InCopiesOptions } from './each-service.ts'

/**
 * The placements there are. Each is compared with `together`, the one process that a system starts as.
 *
 * @example
 * ```ts
 * import { placements } from '@dure/testing'
 *
 * console.log(Object.keys(placements).join(' ')) // → together unix tcp http thrift each process split threads
 * ```
 */
export const placements: Readonly<
  Record<'together' | 'unix' | 'tcp' | 'http' | 'thrift' | 'each' | 'process' | 'split' | 'threads', Placement>
> = Object.freeze({
  together,
  unix: overUnixSocket,
  tcp: overTcp,
  http: overHttp,
  thrift: overThrift,
  each: eachAlone,
  process: inAnotherProcess,
  split,
  threads,
})
