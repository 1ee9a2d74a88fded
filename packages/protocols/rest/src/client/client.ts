/** The caller's half of REST: what a contract with routes of HTTP needs to be called. */
export { httpPeers, type HttpTls } from './peer.ts'
export { requestWriter } from './request.ts'
export { httpService, type HttpServiceOptions } from './service.ts'
export type { ClientLimits } from './limits.ts'
