import assert from 'node:assert/strict'
import { serverTests } from './life.test-support.ts'

serverTests('apicurio', {
  forgets: true,
  write: async ({ url }) => {
    const body = JSON.stringify({ schema: JSON.stringify({ type: 'string' }) })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}/apis/ccompat/v7/subjects/orders/versions`, { method: 'POST', body, headers })
    assert.equal(answer.status, 200)
  },
  read: async ({ url }) => (await (await fetch(`${url}/apis/ccompat/v7/subjects`)).text()).includes('orders'),
})
