/** An API gateway: one address before many services. */
export { gateway, startGateway, type GatewayDoor, type StartedGateway } from './door.ts'
export type { GatewayOptions } from './options.ts'
export { liveRoutes, type GatewayConfiguration, type LiveRoutes, type RouteOptions } from './routes/routes.ts'
export { contractRoutes, type ContractRoutesOptions } from './contracts.ts'
export type { UpstreamOptions, UpstreamTls } from './upstreams/upstreams.ts'
export type { CertificateOptions } from 'dure/door/server/internal'
export type { TlsOptions } from './tls/tls.ts'
export type { Answer, Limits } from './proxy/proxy.ts'
export type { AccessEntry } from './seen.ts'
export {
  filter,
  type Consumer,
  type Filter,
  type FilterParts,
  type FilterWorld,
  type GatewayAnswer,
  type GatewayRequest,
  type RequestEnd,
} from './filter.ts'
export { headers, type HeaderChanges } from './filters/headers.ts'
export { redirect, rewrite } from './filters/paths.ts'
export { cors, type CorsOptions } from './filters/cors.ts'
export { cache, type CacheOptions } from './filters/cache.ts'
export { compress, type Coding, type CompressOptions } from './filters/compress.ts'
export { shadow, type ShadowOptions } from './filters/shadow.ts'
export { bodyLimit, requestLimit, type CountedBy, type RequestLimitOptions } from './filters/bounds.ts'
export { authorize, tokens, type AuthorizeOptions, type TokensOptions } from './filters/authorize.ts'
export { login, type LoginOptions } from './login/login.ts'
export type { AuditAt, StoreAt } from './login-by-name.ts'
export { apiKeys, authenticate, type ApiKeysOptions, type AuthenticateOptions } from './filters/consumers.ts'
export { routesReader, type ReadRoutes, type RoutesReaderOptions } from './written/written.ts'
export {
  followIngress,
  ingressRoutes,
  readIngressFile,
  type IngressNote,
  type IngressOptions,
  type IngressRoutes,
  type IngressSource,
} from './ingress/ingress.ts'
export { startOperator, type GatewayStatus } from './operator.ts'
export { importRoutes, type Imported, type ImportNote, type ImportOptions } from './import/import.ts'
