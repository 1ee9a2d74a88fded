/** Who is where: the Registry port, what it knows of running services, and the embedded registry of one machine. */
export type { Address, Instance, Registration, Registry } from './registry.ts'
export { embeddedRegistry, type EmbeddedRegistryOptions } from './embedded/embedded.ts'
