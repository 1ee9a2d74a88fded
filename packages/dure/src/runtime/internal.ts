/** What Dure's own rooms and packages share of `runtime`, and no promise to anybody else. */
export { createAlarm, type Alarm } from './alarm.ts'
export { backoff, longestBackoff, type BackoffPolicy } from './backoff.ts'
export { cautiousTime, steadyTime } from './clock.ts'
export { aliveFor, inTime, sleepWith, timeLeft } from './timers.ts'
export { createIds, writeHex } from './ids.ts'
export { createFlush, type Flush } from './flush.ts'
export { sharedRun, type SharedRun } from './shared-run.ts'
export {
  BYTES,
  CENTURY,
  checkNumbers,
  completeNumbers,
  COUNT,
  COUNT_OR_NONE,
  KEEP,
  LONGEST_WAIT,
  SHARE,
  WAIT,
  WAIT_OR_NONE,
  WHOLE_WAIT,
  wrongNumber,
  wrongNumbers,
  type Range,
  type Ranges,
} from './numbers.ts'
export { readLines } from './lines.ts'
export { createLive, type Live } from './live.ts'
export { httpAddress, isDistrusted, isPlatformFetch, readBytes, readText, whyFetchFailed } from './network.ts'
export { socketPath } from './socket-path.ts'
export { standardError } from './output.ts'
export { nodeSqlite } from './sqlite.ts'
export { ended, lastWords, localServer, type RunningServer, type ServerProgram } from './local-server.ts'
export type { RunAs } from './process-family.ts'
