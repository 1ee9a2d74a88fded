import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { serverTests } from './life.test-support.ts'
import type { LocalServer } from './servers.ts'

type Kubeconfig = { readonly users: readonly [{ readonly user: { readonly token: string } }] }

/** The status of its answer, as its administrator; asked again while it is not ready. */
async function ask({ directory, port }: LocalServer, method: string, path: string, body?: object): Promise<number> {
  const { users } = JSON.parse(readFileSync(join(directory, 'kubeconfig'), 'utf8')) as Kubeconfig
  const ca = readFileSync(join(directory, 'pki', 'apiserver.crt'))
  const headers = { authorization: `Bearer ${users[0].user.token}`, 'content-type': 'application/json' }
  for (;;) {
    const status = await new Promise<number>((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path, method, headers, ca }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode!))
      })
      asked.once('error', reject)
      asked.end(body && JSON.stringify(body))
    })
    if (status < 500 && status !== 403) return status
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
const PATH = '/api/v1/namespaces/kube-system/configmaps'

serverTests('kubernetes', {
  write: async (server) => {
    while ((await ask(server, 'GET', '/api/v1/namespaces/kube-system')) === 404)
      await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(await ask(server, 'POST', PATH, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'order' } }), 201)
  },
  read: async (server) => (await ask(server, 'GET', `${PATH}/order`)) === 200,
})
