/** A registry in a process of its own, to be killed: says where it listens. */
import { startSchemaRegistry } from './registry.ts'

const { url } = await startSchemaRegistry({ directory: process.argv[2]!, port: 0 })
console.log(url)
