/** Event schemas that cannot break consumers: a registry with Confluent's REST interface, and its client. */
export { schemaRegistry, startSchemaRegistry, type SchemaRegistryOptions, type StartedSchemaRegistry } from './registry.ts'
export type { Limits } from './server.ts'
