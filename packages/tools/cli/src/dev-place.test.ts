import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { ANY_PORT, contractsAt, letIn, linkIn } from './console.test-support.ts'
import { project, SYSTEM } from './project.test-support.ts'
import { dure } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

const LISTS = `
const Lists = contract('lists', { version: '1.0.0', owner: 'team-notes', operations: { all: query({ output: z.string() }) } })
const lists = service(Lists, { handlers: { all: () => text } })
export default system('noted', { services: [notes, lists], security: 'off' })
`

test(
  'dev --split: a service moves, stays there while an edit cannot be loaded, and is where its placement says after one that can; a browser that is in stays in',
  { timeout: 300_000 },
  async () => {
    const { root, file, shared } = project()
    writeFileSync(file, SYSTEM.replace(/export default .*\n/, LISTS))
    const dev = spawned(['dev', '--split'], { cwd: root, env: ANY_PORT })
    await dev.until(/is ready[^]*dure dev --split/)
    const link = linkIn(dev.all())
    const cookie = await letIn(link)
    const consoleKnows = async (): Promise<boolean> => (await contractsAt(link.url, cookie)).includes('placement')
    assert.ok(await consoleKnows())
    const asked = (...words: readonly string[]) => dure(words, { cwd: root })
    const place = (...words: readonly string[]) => asked('place', ...words, '--yes', '--seconds', '0')
    const where = async (): Promise<readonly string[]> => {
      const { out } = await asked('place', '--json')
      const names = (JSON.parse(out) as readonly { readonly name: string }[]).map(({ name }) => name)
      return names.filter((name) => name.includes('notes') || name.includes('lists')).toSorted()
    }
    const read = async (): Promise<string> => (await asked('call', 'notes.read')).out.trim()
    assert.deepEqual(await where(), ['lists', 'notes'])
    const joined = await place('notes', 'in', 'lists')
    assert.equal(joined.code, 0, joined.err)
    assert.deepEqual([await where(), await read()], [['notes+lists'], '"one"'])

    // A new process is of the files as they are now, and these cannot be loaded.
    writeFileSync(shared, 'export const text: = 1')
    await dev.until(/the one before the change goes on/)
    const failed = await place('notes', 'out')
    assert.equal(failed.code, 1)
    assert.match(failed.err, /Cannot move "notes"|"notes"/)
    assert.deepEqual([await where(), await read()], [['notes+lists'], '"one"'])

    writeFileSync(shared, "export const text = 'two'")
    await dev.until(/Ready again/)
    assert.deepEqual([await where(), await read()], [['lists', 'notes'], '"two"'])
    assert.ok(await consoleKnows(), 'the same port, and the same cookie')
    const again = await place('notes', 'in', 'lists')
    assert.equal(again.code, 0, again.err)
    assert.deepEqual([await where(), await read()], [['notes+lists'], '"two"'])
    dev.child.kill('SIGTERM')
    assert.equal(await dev.exit, 0)
  },
)
