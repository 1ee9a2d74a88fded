/** A service registry with Eureka's REST interface, and the Registry port on any Eureka server. */
export {
  registryServer,
  startRegistry,
  type RegistryLimits,
  type RegistryServerOptions,
  type StartedRegistry,
} from './started.ts'
export type { Credentials } from './server.ts'
export type { Preservation } from './expiry.ts'
export type { HealthChecks } from './health.ts'
export { registrar, type HealthUrl, type Registrar, type RegistrarOptions } from './registrar.ts'
export { eurekaRegistry, type EurekaRegistryOptions } from './eureka.ts'
