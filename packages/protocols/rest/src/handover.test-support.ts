/** A process with a REST door over the shop, to be replaced under load. */
import { joinSupervisor } from 'dure/supervisor'
import { rest } from './rest.ts'
import { Shop, shopHandlers, testHost } from './rest.test-support.ts'

const supervised = joinSupervisor()!
if (!(await supervised.loaded())) process.exit(0)
const { host, world } = testHost([{ contract: Shop, handlers: shopHandlers }])
const door = await rest({ port: 0 }).open(host, { ...world, sockets: supervised.sockets })
supervised.ready({ url: door.url })
await supervised.stopped
await door.close(supervised.manner())
supervised.leave()
