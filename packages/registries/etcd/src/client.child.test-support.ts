/** A process with an instance of `orders`, to be killed and frozen. */
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { etcdRegistry } from './etcd.ts'

const [url, id] = process.argv.slice(2)
const registry = await etcdRegistry({ url: url! })({ directory: '.', runtime: realRuntime(), log: silentLogger() })
await registry.register({ service: 'orders', id: id!, version: '1.0.0', status: 'up', endpoints: {}, metadata: {} })
console.log('registered')
