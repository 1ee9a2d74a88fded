import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { missingServer, startLocalServer } from '@dure/testing/servers'
import { SOURCES, temporary } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

const SHOP = join(SOURCES, 'shop.test-support.ts')
const program = 'kubectl'
const hasKubectl = spawnSync(program, ['version', '--client']).status === 0
const skip = missingServer('kubernetes') || missingServer('etcd') || (hasKubectl ? false : 'needs server: kubectl')

/** kubectl as the administrator; gives what it prints. */
async function administrator(t: TestContext) {
  const server = await startLocalServer('kubernetes')
  t.after(() => server.close())
  const config = join(server.directory, 'kubeconfig')
  const run = (words: readonly string[], input = '') =>
    spawnSync(program, ['--kubeconfig', config, ...words], { input, encoding: 'utf8' })
  while (run(['get', 'namespace', 'default']).status !== 0) await new Promise((resolve) => setTimeout(resolve, 100))
  const kubectl = (words: string, input?: string | object): string => {
    const given = input === undefined || typeof input === 'string' ? input : JSON.stringify(input)
    const { status, stdout, stderr } = run(words.split(' '), given)
    assert.equal(status, 0, stderr)
    return stdout
  }
  return { kubectl, config }
}

test(
  'kubernetes://NAMESPACE: who is refused is told by whom and why; with the account of the guide it lists, and a part starts with it',
  { skip, timeout: 180_000 },
  async (t) => {
    const { kubectl, config } = await administrator(t)
    kubectl('create namespace shop')
    kubectl('create serviceaccount default --namespace shop')
    kubectl('apply --filename -', {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
      metadata: {
        ...{ name: 'orders-1', namespace: 'shop' },
        labels: { 'kubernetes.io/service-name': 'orders', 'app.kubernetes.io/version': '1.2.3', team: 'checkout' },
      },
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: ['10.0.1.1'], conditions: { ready: true }, zone: 'seoul-a' }],
    })
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
    const answer = kubectl('create --raw /api/v1/namespaces/shop/serviceaccounts/default/token --filename -', request)
    const { token } = (JSON.parse(answer) as { readonly status: { readonly token: string } }).status
    const own = JSON.parse(readFileSync(config, 'utf8')) as { users: [{ user: object }] }
    own.users[0].user = { token }
    const cwd = import.meta.dirname
    const account = join(temporary(), 'kubeconfig')
    writeFileSync(account, JSON.stringify(own), { mode: 0o600 })
    const env = { KUBECONFIG: account }
    const list = async (where: string) => {
      const asked = spawned(['registry', 'list', '--registry', where], { cwd, env })
      return { code: await asked.exit, out: asked.out(), err: asked.err() }
    }

    const refused = await list('kubernetes://shop')
    assert.equal(refused.code, 1)
    assert.match(
      refused.err,
      /^Cannot ask the registry: it answered 403: endpointslices\.discovery\.k8s\.io is forbidden: User "system:serviceaccount:shop:default" cannot list .*; look at the account that it is asked with/,
    )
    const guide = readFileSync(join(SOURCES, '../../../../docs/guides/kubernetes.md'), 'utf8')
    kubectl('apply --filename -', /```yaml\n(apiVersion: rbac[^`]+)```/.exec(guide)![1])
    let listed = await list('kubernetes://shop')
    // It takes the server a moment to notice.
    while (listed.code !== 0) listed = await list('kubernetes://shop')
    assert.match(listed.out, /^INSTANCE .*\norders +up +1\.2\.3 +seoul-a +-\n {2}http 10\.0\.1\.1:8080\n/)
    assert.match((await list('kubernetes://shop?selector=team=checkout')).out, /orders +up/)
    assert.equal((await list('kubernetes://shop?selector=team=other')).out, 'It knows no instances\n')
    assert.match((await list('kubernetes://default')).err, /it answered 403/)

    const data = temporary()
    const words = ['start', SHOP, 'broker', 'orders', '--registry', 'kubernetes://shop', '--data', data, '--log', 'json']
    const running = spawned(words, { cwd, env })
    await running.until(/this process publishes nothing[^]*"message":"Ready"/)
    running.child.kill('SIGTERM')
    assert.equal(await running.exit, 0, running.err())
  },
)
