import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { started, temporary } from './config-server.test-support.ts'
import { folderRepository } from './repositories/folder.ts'
import type { ConfigServerOptions } from './started.ts'
import { ask } from './spring-answers.test-support.ts'

async function served(
  t: TestContext,
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Partial<ConfigServerOptions> = {},
) {
  const folder = temporary(t, 'settings')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return { folder, ...(await started(t, { repository: folderRepository(folder), ...options })) }
}

test('only who gives one of the users is let in; that it is there is said to everybody', async (t) => {
  const credentials = [
    { user: 'shop', password: 'one:two' },
    { user: 'shop', password: 'next' },
  ]
  const { url } = await served(t, { 'app.yml': 'a: 1' }, { credentials })
  const as = async (text: string | undefined): Promise<number> =>
    (await fetch(`${url}/app/default`, { headers: text === undefined ? {} : { authorization: text } })).status
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  for (const text of [undefined, '', 'Basic', basic('shop:wrong'), basic('shop:one'), basic('shop:next '), basic('other:next')])
    assert.equal(await as(text), 401, String(text))
  assert.deepEqual([await as(basic('shop:one:two')), await as(basic('shop:next'))], [200, 200])
  const refused = await fetch(`${url}/monitor`, { method: 'POST', body: '{}' })
  assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Basic realm="config"'])
  assert.equal(await (await fetch(`${url}/actuator/health`)).text(), '{"status":"UP"}')
})

test('no name is a way out of the folder, however it is written', async (t) => {
  const { url, folder } = await served(t, { 'app.yml': 'a: 1' })
  writeFileSync(join(folder, '../outside.yml'), 'secret: 1')
  mkdirSync(join(folder, '../beside'))
  writeFileSync(join(folder, '../beside/app.yml'), 'secret: 1')
  symlinkSync(join(folder, '../beside'), join(folder, 'linked'))
  symlinkSync(join(folder, '../outside.yml'), join(folder, 'link.yml'))
  const paths = [
    '/../outside/default',
    '/..%2foutside/default',
    '/%2e%2e/outside/default',
    '/%2e%2e%2foutside/default',
    '/%252e%252e%252foutside/default',
    '/..%5coutside/default',
    '/(_)..(_)outside/default',
    '/..(_)outside/default',
    '/app(_)..(_)..(_)outside/default',
    '/app,..(_)outside/default',
    '/app/default/..',
    '/app/default/..(_)beside',
    '/app/default/%2e%2e%2fbeside',
    '/..(_)beside/app-default.yml',
    '/..(_)outside-default.yml',
    '/..(_)outside-default.properties',
    '/linked(_)app/default',
    '/link/default',
    '/app/default/linked',
    '/linked/app-default.json',
    '/%00/default',
    '/app%00/default',
    '/app/%0a',
    '/%zz/default',
    '/%ff/default',
    `/${'a'.repeat(300)}/default`,
    `/${Array.from({ length: 40 }, (_, at) => `a${at}`).join(',')}/default`,
    '//outside/default',
    '/./../outside/default',
    'http://127.0.0.1/../outside/default',
    '*',
  ]
  for (const path of paths) {
    const { status, text } = await ask(url, path)
    assert.ok(!text.includes('secret'), `${path}: ${text}`)
    assert.ok([200, 400, 404].includes(status), `${path}: ${status}`)
    if (path.includes('..') || path.includes('%2e')) assert.ok(status === 400 || status === 404, `${path}: ${status} ${text}`)
  }
})

test('what cannot be read fails the request in words that name file and line, and nothing of it is answered', async (t) => {
  const cases: readonly (readonly [file: string, text: string | Uint8Array, why: RegExp])[] = [
    ['app.yml', 'a: 1\na: 2\n', /app\.yml:2: it has "a" again/],
    ['app.yml', 'a:\n\tb: 1\n', /app\.yml:2: .*indent with spaces/],
    ['app.yml', 'a: [1, 2\n', /app\.yml:\d: it is no YAML/],
    [
      'app.yml',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdef'
        .split('')
        .map((name, at) => `${name}: &${name} [${Array.from({ length: 10 }, () => `*${'abcdef'[at]}`).join(',')}]`)
        .join('\n')}\n`,
      /its aliases stand for more/,
    ],
    ['app.yml', '- a\n', /app\.yml:1: it has no keys/],
    ['app.yml', 'spring.profiles: prod\na: 1\n', /app\.yml:1: spring\.profiles: .*on-profile/],
    [
      'app.yml',
      'spring.config.activate.on-profile: "a & b | c"\na: 1\n',
      /app\.yml:1: spring\.config\.activate\.on-profile: it is no profile/,
    ],
    ['app.yml', new Uint8Array([97, 58, 32, 0xff, 0xfe]), /app\.yml: it is no text in UTF-8/],
    ['app.yml', 'secret: "{cipher}00"\n', /app\.yml:1: secret: it is encrypted, and no key was given/],
    ['app.properties', 'a=1\na=2\n', /app\.properties:2: a: it stands in line 1 already/],
  ]
  for (const [file, text, why] of cases) {
    const { url, logged } = await served(
      t,
      { [file]: text, 'application.yml': 'shared: value-of-all' },
      { limits: { file: 1_000 } },
    )
    for (const path of ['/app/default', '/app-default.yml', '/app-default.properties', '/app-default.json']) {
      const answer = await ask(url, path)
      assert.equal(answer.status, 500, answer.text)
      const { status, message, error } = JSON.parse(answer.text) as Readonly<Record<string, string>>
      assert.deepEqual([status, error], [500, 'Internal Server Error'])
      assert.match(message!, why)
      assert.ok(!answer.text.includes('value-of-all'))
      await ask(url, path)
    }
    // However often it is asked for, it is said once for each address.
    assert.equal(logged().trim().split('\n').length, 4)
  }
})

test('placeholders that lead to themselves or grow without end are refused, and stay as they are where nobody resolves them', async (t) => {
  const growing = Array.from({ length: 40 }, (_, at) => `a${at}: "\${a${at + 1}}\${a${at + 1}}"`).join('\n')
  const { url } = await served(t, { 'app.yml': 'a: ${b}\nb: x${a:y}\n', 'grow.yml': `${growing}\na40: text\n` })
  const cyclic = await ask(url, '/app-default.json')
  assert.equal(cyclic.status, 400)
  assert.match(cyclic.text, /\\"a\\" needs \\"b\\" needs \\"a\\"|\\"b\\" needs \\"a\\" needs \\"b\\"/)
  assert.equal((await ask(url, '/grow-default.properties')).status, 400)
  assert.equal((await ask(url, '/app-default.json?resolvePlaceholders=false')).text, '{"a":"${b}","b":"x${a:y}"}')
  assert.equal((await ask(url, '/app/default')).status, 200)
})

test('what is no request for settings is refused as Spring refuses it', async (t) => {
  const { url } = await served(t, { 'app.yml': 'a: 1' })
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
    assert.equal((await fetch(`${url}/app/default`, { method })).status, 405, method)
  const head = await fetch(`${url}/app/default`, { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [200, ''])
  const { timestamp, ...said } = JSON.parse((await ask(url, '/app')).text) as Readonly<Record<string, unknown>>
  assert.ok(!Number.isNaN(Date.parse(String(timestamp))))
  assert.deepEqual({ ...said, message: '' }, { status: 404, error: 'Not Found', message: '', path: '/app' })
  assert.equal((await ask(url, `/app/default?${'x'.repeat(20_000)}`)).status, 431)
  const large = await fetch(`${url}/monitor`, { method: 'POST', body: 'x'.repeat(1_000_000) })
  assert.deepEqual([large.status, await large.text()], [200, '[]'])
})

test('more requests at once than may be are told to come again; who goes away takes nothing with it', async (t) => {
  const { url } = await served(t, { 'app.yml': 'a: 1' }, { limits: { requests: 2 } })
  const { port } = new URL(url)
  const gone = Array.from({ length: 20 }, () => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.end('GET /app/default HTTP/1.1\r\nhost: x\r\n\r\n'))
    socket.on('error', () => {})
    socket.resume()
    return new Promise((resolve) => socket.once('close', resolve))
  })
  await Promise.all(gone)
  const all = await Promise.all(Array.from({ length: 40 }, async () => (await ask(url, '/app/default')).status))
  assert.ok(all.every((status) => status === 200 || status === 503))
  assert.ok(all.includes(200))
  assert.equal((await ask(url, '/app/default')).status, 200)
})

test('a label is a folder in the folder, and goes before the rest; its place in Spring’s order', async (t) => {
  const { url, folder } = await served(t, {
    'application.yml': 'from: all',
    'app.yml': 'from: app',
    'app-prod.yml': 'from: prod',
    'feature/x/app.yml': 'from: feature',
  })
  const names = async (path: string): Promise<readonly string[]> =>
    (
      JSON.parse((await ask(url, path)).text) as { readonly propertySources: readonly { readonly name: string }[] }
    ).propertySources.map(({ name }) => name.replace(`file:${folder}/`, ''))
  assert.deepEqual(await names('/app/prod/feature(_)x'), ['app-prod.yml', 'feature/x/app.yml', 'app.yml', 'application.yml'])
  assert.deepEqual(await names('/app/prod/none'), ['app-prod.yml', 'app.yml', 'application.yml'])
})

test('a port that is taken is said, and the repository is let go', async (t) => {
  const { url, folder } = await served(t, { 'app.yml': 'a: 1' })
  const port = Number(new URL(url).port)
  await assert.rejects(
    started(t, { repository: folderRepository(folder), port }),
    /Cannot open the configuration server on 127\.0\.0\.1:\d+: .*choose another port/,
  )
  await assert.rejects(started(t, { repository: folderRepository(`${folder}/none`) }), /there is no such folder/)
  await assert.rejects(started(t, { repository: folderRepository(folder), limits: { requests: 0 } }), /"requests" is 0/)
})
