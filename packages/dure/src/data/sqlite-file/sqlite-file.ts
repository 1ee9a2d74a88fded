/** What all files of SQLite have: who may write them, and what their errors mean. */
export { explain, primaryCode } from './errors.ts'
export { createPatience, isLocked, LOCK_TIMEOUT, patiently, takeLock, type Patience } from './lock.ts'
