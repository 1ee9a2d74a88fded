import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { test, type TestContext } from 'node:test'
import { started, temporary, until } from '../config-server.test-support.ts'
import { ask } from '../spring-answers.test-support.ts'
import { commitFiles, git } from '../spring-repository.test-support.ts'
import { gitRepository, type GitRepositoryOptions } from './git.ts'

function bare(t: TestContext): string {
  const folder = temporary(t, 'settings.git')
  git(folder, ['init', '--quiet', '--bare', '--initial-branch=main', '.'])
  return folder
}

type Said = {
  readonly version: string
  readonly propertySources: readonly { readonly source: Readonly<Record<string, unknown>> }[]
}
async function settings(url: string, path: string): Promise<Said> {
  const { status, text } = await ask(url, path)
  assert.equal(status, 200, text)
  return JSON.parse(text) as Said
}
const first = ({ propertySources }: Said): Readonly<Record<string, unknown>> => propertySources[0]?.source ?? {}

test('what is pushed is what the next who asks is answered; labels are branches, tags and commits, and nothing else', async (t) => {
  const folder = bare(t)
  const one = commitFiles(folder, 'main', { 'app.yml': 'a: 1' })
  const { url } = await started(t, { repository: gitRepository({ url: folder }) })
  assert.deepEqual([(await settings(url, '/app/default')).version, first(await settings(url, '/app/default'))], [one, { a: 1 }])
  git(folder, ['tag', '-a', '-m', 'kept', 'v1', one], undefined)
  const two = commitFiles(folder, 'main', { 'app.yml': 'a: 2' })
  commitFiles(folder, 'team/one', { 'app.yml': 'a: 3' })
  assert.deepEqual([(await settings(url, '/app/default')).version, first(await settings(url, '/app/default'))], [two, { a: 2 }])
  for (const [label, a] of [
    ['v1', 1],
    [one, 1],
    [one.slice(0, 8), 1],
    ['main', 2],
    ['team(_)one', 3],
  ] as const)
    assert.deepEqual(first(await settings(url, `/app/default/${label}`)), { a }, label)
  for (const label of [
    'HEAD',
    'main~1',
    'main@%7B0%7D',
    'refs(_)heads(_)main',
    ':app.yml',
    '-x',
    '--help',
    'f'.repeat(40),
    'main%5E',
    'v1%5E%7B%7D',
  ])
    assert.ok([400, 404].includes((await ask(url, `/app/default/${label}`)).status), label)
})

test('links and folders of Git’s own are no settings; a file that is too large, and a repository without main, are said', async (t) => {
  const folder = bare(t)
  const blob = git(folder, ['hash-object', '-w', '--stdin'], '../../etc/passwd').trim()
  const tree = git(folder, ['mktree'], `120000 blob ${blob}\tapp.yml\n`).trim()
  const commit = git(folder, ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit-tree', '-m', 'link', tree]).trim()
  git(folder, ['update-ref', 'refs/heads/main', commit])
  const { url } = await started(t, { repository: gitRepository({ url: folder }), limits: { file: 100 } })
  assert.deepEqual((await settings(url, '/app/default')).propertySources, [])
  commitFiles(folder, 'main', { 'app.yml': `a: ${'x'.repeat(200)}` })
  assert.match((await ask(url, '/app/default')).text, /"app\.yml\\": it has 203 bytes, and 100 may be/)
  git(folder, ['update-ref', '-d', 'refs/heads/main'])
  assert.equal((await ask(url, '/app/default')).status, 404)
  commitFiles(folder, 'master', { 'app.yml': 'a: 1' })
  assert.deepEqual(first(await settings(url, '/app/default')), { a: 1 })
})

test('search paths go before the root, for each application and profile', async (t) => {
  const folder = bare(t)
  commitFiles(folder, 'main', {
    'app.yml': 'a: root',
    'app/app.yml': 'a: own',
    'by/prod/app.yml': 'a: profile',
    'application/application.yml': 'x: 1',
  })
  const { url } = await started(t, {
    repository: gitRepository({ url: folder, searchPaths: ['{application}', 'by/{profile}/'] }),
  })
  const found = (await settings(url, '/app/prod')).propertySources.map(({ source }) => Object.values(source)[0])
  assert.deepEqual(found, ['profile', 'own', 1, 'root'])
  assert.throws(() => gitRepository({ url: folder, searchPaths: ['../x'] }), /inside the repository/)
})

/** Git's plain protocol: a folder of files, for who has a password. */
async function overHttp(
  t: TestContext,
  folder: string,
): Promise<{ readonly url: string; readonly away: (on: boolean) => void; readonly asked: () => number }> {
  let [off, asked] = [false, 0]
  const password = `Basic ${Buffer.from('me:s3cret').toString('base64')}`
  const server = createServer((request, response) => {
    asked++
    if (off) return void request.socket.destroy()
    if (request.headers.authorization !== password) return void response.writeHead(401, { 'www-authenticate': 'Basic' }).end()
    const path = join(folder, normalize(new URL(request.url!, 'http://here').pathname.replace('/settings.git', '')))
    if (!path.startsWith(folder) || !existsSync(path)) return void response.writeHead(404).end()
    response.end(readFileSync(path))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://me:s3cret@127.0.0.1:${port}/settings.git`, away: (on) => void (off = on), asked: () => asked }
}

test('of another machine it is fetched at intervals and when a webhook says so; while that is away, what was fetched is served on, and said', async (t) => {
  const folder = bare(t)
  const publish = (a: number): string => {
    const commit = commitFiles(folder, 'main', { 'app.yml': `a: ${a}` })
    git(folder, ['update-server-info'])
    return commit
  }
  publish(1)
  const { url: from, away } = await overHttp(t, folder)
  const directory = temporary(t)
  const open = (more: Partial<GitRepositoryOptions>) =>
    started(t, { directory, repository: gitRepository({ url: from, ...more }) })
  const slow = await open({ interval: 3_600_000 })
  assert.deepEqual(first(await settings(slow.url, '/app/default')), { a: 1 })
  const second = publish(2)
  assert.equal((await fetch(`${slow.url}/monitor`, { method: 'POST' })).status, 200)
  assert.deepEqual(
    [(await settings(slow.url, '/app/default')).version, first(await settings(slow.url, '/app/default'))],
    [second, { a: 2 }],
  )
  away(true)
  assert.equal((await fetch(`${slow.url}/monitor`, { method: 'POST' })).status, 200)
  assert.deepEqual(first(await settings(slow.url, '/app/default')), { a: 2 })
  assert.match(slow.logged(), /cannot be fetched: what was fetched last is served on/)
  await slow.stop()

  // Started while it is away, it serves what it has.
  const quick = await open({ interval: 50 })
  assert.deepEqual(first(await settings(quick.url, '/app/default')), { a: 2 })
  await until('it is known to be away', async () => quick.logged().includes('cannot be fetched'))
  publish(3)
  away(false)
  await until('it is fetched', async () => first(await settings(quick.url, '/app/default'))['a'] === 3)
  // What is fetched can be seen before Git has ended.
  await until('it is said', async () => quick.logged().includes('answers again'))
  for (const text of [
    slow.logged(),
    quick.logged(),
    JSON.stringify(await settings(quick.url, '/app/default')),
    readFileSync(join(directory, 'settings.git/config'), 'utf8'),
  ])
    assert.ok(!text.includes('s3cret'), text)
  // With nothing to serve there is nothing to start with.
  away(true)
  await assert.rejects(
    started(t, { repository: gitRepository({ url: from }) }),
    (error: Error) =>
      error.message.startsWith('Cannot fetch the Git repository "http://127.0.0.1') && !error.message.includes('s3cret'),
  )
})

test('an address that has git run something else is refused', () => {
  for (const url of ['ext::sh -c whoami', '--upload-pack=whoami', 'https://-x/y', '/nowhere', 'me@host:-x', 'file'])
    assert.throws(() => gitRepository({ url }), /Cannot use the Git repository/, url)
})
