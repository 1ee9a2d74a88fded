import assert from 'node:assert/strict'
import { relayCases, type RelayPlace } from '../../relay.test-support.ts'
import { onServers, type Place } from './wal.test-support.ts'
import { VERSIONS } from '../../server.test-support.ts'

const check = await onServers(VERSIONS)

const byLog = (place: Place): RelayPlace => ({
  ...place,
  relay: async (deliver, limits = {}) => {
    const relay = place.relay(deliver, { limits })
    await relay.use('wal')
    return relay
  },
})

for (const [what, run] of Object.entries(relayCases)) {
  check(`from the log: ${what}`, (place) => run(byLog(place)))
}

check('the slot stays for the next start, and what was delivered is not in it', async (place) => {
  const got: string[] = []
  const deliver = async (messages: readonly { readonly id: string }[]): Promise<void> =>
    void got.push(...messages.map(({ id }) => id))
  for (const id of ['1', '2']) {
    const relay = place.relay(deliver)
    await relay.ready
    await relay.use('wal')
    await place.publish({ type: 'order.placed', key: 'a', data: null, id })
    await relay.flush()
    assert.equal(relay.state().by, 'wal')
    await relay.stop()
    assert.deepEqual(
      (await place.slots()).map(({ status }) => status),
      ['reserved'],
    )
  }
  assert.deepEqual(got, ['1', '2'])
})
