/** What every way in from outside shares, whatever its protocol: who calls, and calls by name. */
export type { Authenticate, Credentials, DoorCallOptions, DoorCalls, OnBehalf, Security } from './host.ts'
export { createAuthenticate } from './credentials.ts'
export { callerFor, createDoorCalls } from './calls.ts'
