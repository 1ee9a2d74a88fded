import { relayCases } from '../relay.test-support.ts'
import { onServers } from './outbox.test-support.ts'
import { VERSIONS } from '../server.test-support.ts'

const check = await onServers(VERSIONS)

for (const [what, run] of Object.entries(relayCases)) {
  check(what, (place) => run({ ...place, relay: async (deliver, limits = {}) => place.relay(deliver, { limits }) }))
}
