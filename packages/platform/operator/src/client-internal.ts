/** What a program of Dure's own needs that asks a running system, without what answers: that takes long to load. */
export { operatorClient, type AskOptions, type OperatorClient } from './client.ts'
export { socketPath } from './socket.ts'
