/** Event schemas that cannot break consumers: a registry with Confluent's REST interface, and its client. */
export { schemaRegistry, startSchemaRegistry, type SchemaRegistryOptions, type StartedSchemaRegistry } from './registry.ts'
export type { Limits } from './server.ts'
export { registry, type RegistryOptions } from './events.ts'
export { schemaClient, type RegistryAway, type RegisteredSchema, type RegistryAddress, type SchemaClient } from './client.ts'
export { wireFormat, type WireFormat } from './wire-format.ts'
export type { SchemaFault } from './fault.ts'
export type { SchemaText, SchemaType } from './levels.ts'
