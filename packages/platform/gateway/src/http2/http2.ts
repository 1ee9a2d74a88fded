/** Streams of HTTP/2 that look like connections of HTTP/1.1, each for one request. */
export { requestHeadOf } from './request-head.ts'
export { StreamConnection } from './stream.ts'
