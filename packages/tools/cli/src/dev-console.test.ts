import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { project, SYSTEM } from './project.test-support.ts'
import { spawned } from './spawned.test-support.ts'

const slow = { timeout: 180_000 }
/** Any free port: others run tests on this machine. */
const env = { CONSOLE_PORT: '0' }

/** The address and the token of the link that is said first. */
function linkIn(text: string): { readonly url: string; readonly token: string } {
  const [, url = '', token = ''] = /console\s+(http:\/\/127\.0\.0\.1:\d+)\/#open=([\w-]+)/.exec(text) ?? []
  assert.notEqual(token, '', text)
  return { url, token }
}

async function letIn({ url, token }: ReturnType<typeof linkIn>): Promise<string> {
  const entered = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  })
  assert.equal(entered.status, 200)
  return entered.headers.get('set-cookie')!.split(';')[0]!
}

async function contractsAt(url: string, cookie: string): Promise<readonly string[]> {
  const { contracts } = (await (await fetch(`${url}/api/operator`, { headers: { cookie } })).json()) as {
    readonly contracts: readonly { readonly name: string }[]
  }
  return contracts.map(({ name }) => name)
}

/** Waits until what was called is among the spans that the collector keeps. */
async function untilTraced(url: string, cookie: string, name: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/api/operator/traces/list`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json' },
      body: '{}',
    })
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    if (text.includes(name)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('a system that lists no console gets one, whose link is said before all other addresses', slow, async () => {
  const { root } = project({ door: true })
  const dev = spawned(['dev', '--port', '0'], { cwd: root, env })
  await dev.until(/is ready[^]*dure dev --split/)
  const said = dev.all()
  const link = linkIn(said)
  assert.ok(said.indexOf('#open=') < said.indexOf('rest '), 'the console comes first')
  const cookie = await letIn(link)
  const known = await contractsAt(link.url, cookie)
  for (const name of ['health', 'traces', 'logs', 'metrics', 'exceptions']) assert.ok(known.includes(name), name)
  const asked = spawned(['call', 'notes.read'], { cwd: root })
  assert.equal(await asked.exit, 0, asked.err())
  await untilTraced(link.url, cookie, 'notes')
  dev.child.kill('SIGTERM')
  assert.equal(await dev.exit, 0)
  const reset = spawned(['dev', '--reset', '--no-console', '--port', '0'], { cwd: root, env })
  await reset.until(/is ready/)
  assert.match(reset.all(), /Deleting all in [^\n]*console\.key/)
  assert.doesNotMatch(reset.all(), /#open=/)
  assert.equal(existsSync(join(root, '.dure/collector')), false)
  reset.child.kill('SIGTERM')
  assert.equal(await reset.exit, 0)
})

test('in several processes as well, and a browser that is in stays in over a reload', slow, async () => {
  const { root, shared } = project()
  const dev = spawned(['dev', '--split'], { cwd: root, env })
  await dev.until(/is ready[^]*dure dev --split/)
  const link = linkIn(dev.all())
  const cookie = await letIn(link)
  assert.ok((await contractsAt(link.url, cookie)).includes('placement'))
  writeFileSync(shared, "export const text = 'two'")
  await dev.until(/Ready again in \d+ ms/)
  assert.ok((await contractsAt(link.url, cookie)).includes('placement'), 'the same port, and the same cookie')
  dev.child.kill('SIGTERM')
  assert.equal(await dev.exit, 0)
})

test('a console of its own stays the only one', slow, async () => {
  const { root, file } = project()
  writeFileSync(
    file,
    `import { consoleDoor } from '@dure/console'${SYSTEM.replace("security: 'off'", "doors: [consoleDoor({ port: 0 })], security: 'off'")}`,
  )
  const dev = spawned(['dev'], { cwd: root, env })
  await dev.until(/is ready[^]*dure dev --split/)
  const link = linkIn(dev.all())
  assert.equal(dev.all().match(/#open=/g)?.length, 1)
  assert.equal((await contractsAt(link.url, await letIn(link))).includes('traces'), false, 'what its author chose')
  dev.child.kill('SIGTERM')
  assert.equal(await dev.exit, 0)
})
