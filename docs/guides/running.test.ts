import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '@dure/testing/servers'
import { snippetFiles } from './snippets.ts'

const here = import.meta.dirname
const page = readFileSync(join(here, 'running.md'), 'utf8')
const blockOf = (language: string): string => new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page)![1]!

type Instruction = { readonly name: string; readonly rest: string }

/** The instructions of a Dockerfile, one a line. @throws for a line that is none */
function instructionsOf(text: string): readonly Instruction[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, rest] = /^(FROM|WORKDIR|COPY|RUN|USER|ENV|VOLUME|EXPOSE|HEALTHCHECK|CMD) (.+)$/.exec(line) ?? []
      assert.ok(name !== undefined && rest !== undefined, `"${line}" is no instruction`)
      return { name, rest }
    })
}

function codeOf([program, ...words]: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((done) => {
    execFile(program!, words, { cwd, env }, (error) => done(error === null ? 0 : Number(error.code ?? 1)))
  })
}

test(
  'what the Dockerfile says runs in a folder: healthy once it is ready, and ended by one SIGTERM',
  { timeout: 120_000 },
  async (t) => {
    const instructions = instructionsOf(blockOf('dockerfile'))
    const all = (name: string): readonly string[] => instructions.filter((each) => each.name === name).map(({ rest }) => rest)
    assert.equal(instructions[0]!.name, 'FROM')
    // In the repository, where packages are found by name.
    mkdirSync(join(here, '.data'), { recursive: true })
    const folder = mkdtempSync(join(here, '.data', 'image-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const [project, app] = [join(folder, 'project'), join(folder, 'app')]
    for (const each of [join(project, 'src'), app]) mkdirSync(each, { recursive: true })
    const manifest = { private: true, type: 'module', dure: { system: 'src/system.ts' } }
    writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(project, 'package-lock.json'), '{}')
    writeFileSync(join(project, 'src/system.ts'), snippetFiles(page).find(({ path }) => path === 'system.ts')!.text)
    for (const copied of all('COPY')) {
      const words = copied.split(' ')
      const target = words.at(-1)!
      for (const from of words.slice(0, -1))
        cpSync(join(project, from), join(app, target.endsWith('/') ? join(target, from) : target), { recursive: true })
    }
    // What `npm ci` would have installed.
    assert.deepEqual(all('RUN')[0], 'npm ci --omit=dev')
    const bin = join(app, 'node_modules/.bin/dure')
    mkdirSync(dirname(bin), { recursive: true })
    writeFileSync(bin, `#!/bin/sh\nexec '${process.execPath}' '${join(here, '../../packages/tools/cli/bin/dure.js')}' "$@"\n`)
    chmodSync(bin, 0o755)

    const port = await freePort()
    const said = Object.fromEntries(
      all('ENV').flatMap((line) => line.split(' ').map((pair) => pair.split('=') as [string, string])),
    )
    const own = { HOST: '127.0.0.1', DURE_DATA: join(folder, said['DURE_DATA']!), PORT: String(port) }
    const { NODE_TEST_CONTEXT: _, ...outer } = process.env
    const env = { ...outer, ...said, ...own, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
    const health = JSON.parse(
      all('HEALTHCHECK')[0]!
        .replace(/^.*?CMD /, '')
        .replace(all('EXPOSE')[0]!, String(port)),
    ) as string[]
    assert.equal(await codeOf(health, app, env), 1)

    const [program, ...words] = JSON.parse(all('CMD')[0]!) as string[]
    const child = spawn(program!, words, { cwd: app, env, stdio: ['ignore', 'ignore', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (log += text))
    const ended = once(child, 'close')
    while ((await codeOf(health, app, env)) !== 0) {
      assert.equal(child.exitCode, null, log)
      await setTimeout(50)
    }
    child.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null], log)
    for (const line of log.trim().split('\n')) assert.ok('level' in (JSON.parse(line) as object), line)
  },
)

test('the unit of systemd starts what the image starts, and waits longer than a stop may take', () => {
  const unit = blockOf('ini')
  const settings = Object.fromEntries([...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]))
  const command = JSON.parse(instructionsOf(blockOf('dockerfile')).at(-1)!.rest) as string[]
  assert.equal(settings['ExecStart'], `${settings['WorkingDirectory']}/${command.join(' ')}`)
  assert.equal(settings['Environment'], `DURE_DATA=/var/lib/${settings['StateDirectory']}`)
  assert.ok(Number(settings['TimeoutStopSec']) > 10)
  assert.deepEqual(unit.match(/^\[\w+\]$/gm), ['[Unit]', '[Service]', '[Install]'])
})
