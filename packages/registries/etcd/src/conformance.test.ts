import { after, before, describe } from 'node:test'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { registryConformance } from 'dure/discovery/conformance'
import { open } from './etcd.test-support.ts'

describe('etcd', { skip: missingServer('etcd') }, () => {
  let server: LocalServer
  let systems = 0
  before(async () => {
    server = await startLocalServer('etcd')
  })
  after(() => server.close())

  registryConformance('etcd', async () => {
    // Several systems share it.
    const url = `${server.url}/system-${systems++}`
    const ends: (() => unknown)[] = []
    return {
      open: () => open({ after: (end) => void ends.push(end as () => unknown) }, url),
      close: async () => {
        await Promise.all(ends.map((end) => end()))
      },
    }
  })
})
