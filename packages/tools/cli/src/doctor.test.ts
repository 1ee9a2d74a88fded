import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, linkLibrary, SOURCES, startHere, temporary } from './shell.test-support.ts'
import { VERSION } from './version.ts'

/** A project as somebody has it, with packages that only have a version. */
function project(
  versions: Readonly<Record<string, string>>,
  manifest: Readonly<Record<string, unknown>> = { type: 'module' },
): string {
  const folder = temporary()
  const write = (path: string, value: unknown): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), JSON.stringify(value))
  }
  write('package.json', { name: 'shop', ...manifest })
  for (const [path, version] of Object.entries(versions)) write(`node_modules/${path}/package.json`, { version })
  return folder
}

test('a project without faults: each thing that was looked at is told', async () => {
  const folder = temporary()
  linkLibrary(folder)
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'tsconfig.json'), '{}')
  cpSync(join(SOURCES, 'shop.test-support.ts'), join(folder, 'system.ts'))
  const { code, out } = await dure(['doctor'], { cwd: folder })
  assert.equal(code, 0, out)
  assert.match(out, /^✔ Node [\d.]+\n✔ \d+ packages of Dure, all [\d.]+\n✔ system\.ts is a system of \d services\n/)
  const data = join(folder, '.dure')
  const running = await startHere(join(folder, 'system.ts'), '--data', data)
  assert.match((await dure(['doctor', '--data', data], { cwd: folder })).out, /✔ The system runs on /)
  await running.stop()
})

test('each fault is told with what to do: versions apart, twice in a tree, files gone, nothing that loads', async () => {
  const folder = project({ dure: VERSION, '@dure/rest': '0.0.9', 'other/node_modules/dure': VERSION })
  writeFileSync(join(folder, 'dure.created.json'), '{"files":{"src/gone.ts":"00","package.json":"00"}}')
  const { code, out, err } = await dure(['doctor'], { cwd: folder })
  assert.equal(code, 1)
  assert.match(err, /4 things to mend/)
  assert.match(out, /✖ node_modules\/@dure\/rest is 0\.0\.9, and this command is of [\d.]+\n {2}Say the same version/)
  assert.match(out, /✖ There are two copies of "dure" in node_modules\n {2}Run: npm dedupe/)
  assert.match(out, /✖ src\/gone\.ts was generated and is gone\n {2}Take it back/)
  assert.match(out, /✖ The system does not load\n {2}Cannot find/)
})

test('a project without packages, a record that cannot be read, and a folder that is no project', async () => {
  const empty = project({})
  writeFileSync(join(empty, 'dure.created.json'), 'no JSON')
  const { out } = await dure(['doctor', '--json'], { cwd: empty })
  const findings = JSON.parse(out) as readonly { what: string; remedy?: string }[]
  assert.ok(findings.some(({ what, remedy }) => /"dure" is not installed/.test(what) && remedy === 'Run: npm install'))
  assert.ok(findings.some(({ what }) => what === 'dure.created.json cannot be read'))
  rmSync(join(empty, 'package.json'))
  assert.match((await dure(['doctor'], { cwd: empty })).out, /✖ No package\.json in [^]*npm create dure my-shop/)
})

test('a port that somebody else has is told with another', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  const folder = temporary()
  linkLibrary(folder)
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const source = `import { rest } from '@dure/rest'
import { contract } from 'dure/contract'
import { service, system } from 'dure/service'
const idle = service(contract('idle', { version: '1.0.0', owner: 'tests', operations: {} }), { handlers: {} })
export default system('shop', { services: [idle], doors: [rest({ port: ${port} })] })
`
  writeFileSync(join(folder, 'system.ts'), source)
  const { code, out } = await dure(['doctor'], { cwd: folder })
  assert.equal(code, 1)
  assert.match(out, new RegExp(`✖ Port ${port} of door "rest" is taken\\n[^\\n]*dure dev --port ${port + 1}`))
})

test('data whose migrations were edited, of a newer build that added to them or took away, or that are to be migrated', async () => {
  const folder = temporary()
  linkLibrary(folder)
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  let builds = 0
  const build = (migrations: Readonly<Record<string, string>>): string => {
    const file = join(folder, `system-${builds++}.ts`)
    writeFileSync(
      file,
      `import { contract } from 'dure/contract'
       import { service, system } from 'dure/service'
       const database = { migrations: ${JSON.stringify(migrations)} }
       const notes = service(contract('notes', { version: '1.0.0', owner: 'team' }), { database })
       export default system('notes', { services: [notes] })`,
    )
    return file
  }
  const data = join(folder, '.dure')
  const started = async (migrations: Readonly<Record<string, string>>): Promise<void> => {
    rmSync(data, { recursive: true, force: true })
    const running = await startHere(build(migrations), '--data', data)
    await running.stop()
  }
  const told = async (migrations: Readonly<Record<string, string>>): Promise<string> => {
    return (await dure(['doctor', build(migrations), '--data', data], { cwd: folder })).out
  }
  const first = { '001': 'CREATE TABLE notes (id TEXT)' }
  await started(first)
  assert.match(await told(first), /✔ The data of "notes" have its migrations\n/)
  assert.match(await told({ ...first, '002': 'CREATE TABLE more (id TEXT)' }), /migrations, 1 to be applied at the next start/)
  assert.match(
    await told({ '001': 'CREATE TABLE notes (id TEXT, text TEXT)' }),
    /✖ Migrating the store of service "notes" failed: migration "001" was changed after it was applied\n {2}Put the old text back/,
  )
  await started({ ...first, '002': 'CREATE TABLE more (id TEXT)' })
  assert.match(await told(first), /✔ The data of "notes" are of a newer build, which this one can go on with: "002"/)
  await started({ ...first, '002': 'ALTER TABLE notes RENAME TO letters' })
  assert.match(await told(first), /✖ [^\n]*"002" was applied to it and takes away what others use[^\n]*\n {2}Run the version/)
  writeFileSync(
    join(data, 'notes.db'),
    'no database at all, and longer than a header of a hundred bytes would have to be'.repeat(3),
  )
  assert.match(await told(first), /✖ file is not a database\n {2}Look at the file, or begin anew/)
})
