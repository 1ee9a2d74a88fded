/** Services as a function: requests, events and batches of a queue are answered, and nothing is left undone behind an answer. */
export { lambdaHandler, type LambdaContext, type LambdaHandler, type ScheduleAnswer } from './handler.ts'
export type { BatchAnswer } from './batch.ts'
export type { HttpAnswer } from './http.ts'
export type { LambdaOptions } from './options.ts'
export { serveLambda, type ServeOptions } from './runtime-api.ts'
