/** Who is where: the Registry port, what it knows of running services, and the embedded registry of one machine. */
export type {
  Address,
  Freshness,
  Instance,
  InstanceChange,
  InstanceStatus,
  Registration,
  Registry,
  RegistryListener,
} from './registry.ts'
export { embeddedRegistry, type EmbeddedRegistryOptions } from './embedded/embedded.ts'
