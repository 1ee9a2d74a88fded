import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { fitHelp, isHelp } from './help.ts'
import { dure } from './shell.test-support.ts'

const COMMANDS = [
  '',
  'add',
  'add operation',
  'dev',
  'start',
  'list',
  'instances',
  'call',
  'dead',
  'lag',
  'lag forget',
  'config',
  'config why',
  'config encrypt',
  'model',
  'model rebuild',
  'streams',
  'trace',
  'docs',
  'choose',
  'compat',
  'can-i-deploy',
  'schemas',
  'schemas check',
  'check',
  'check placement',
  'dead retry',
  'dead audit',
  'schedule',
  'schedule run',
  'sim',
]

test('help fits a terminal of 80 columns, and a narrower one', async () => {
  for (const command of COMMANDS)
    for (const columns of [80, 60]) {
      const { code, out } = await dure([...command.split(' ').filter(Boolean), '--help'], { columns })
      assert.equal(code, 0)
      assert.ok(isHelp(out), out)
      for (const line of out.split('\n')) assert.ok(line.length <= columns, `dure ${command} --help at ${columns}: ${line}`)
    }
})

test('what goes on in another line stands under what it belongs to', async () => {
  const { out } = await dure(['check', 'placement', '--help'], { columns: 80 })
  assert.match(out, /^ {2}dure check placement \[--runs N\] .*\n {7}\[/m)
  assert.match(out, /^( +\[--placement\](?:\.\.\.)? +)Compare .*\n +\[?\S/m)
})

test('words and styles are kept, whatever the width', () => {
  const text =
    'USAGE\n  dure \u001b[3mstart [--data DIR]\u001b[23m [--port N]...\n\nA long line of words about nothing at all, really.\n'
  assert.ok(isHelp(text))
  assert.ok(!isHelp('A result about USAGE'))
  assert.equal(fitHelp(text, 40).replaceAll(/\s+/g, ' '), text.replaceAll(/\s+/g, ' '))
  assert.equal(fitHelp(text, 200), text)
})

test('colours of help are kept whole, whatever the width', async () => {
  for (const command of COMMANDS) {
    const help = async (columns: number): Promise<string> => {
      const { out } = await dure([...command.split(' ').filter(Boolean), '--help'], { columns, color: true })
      return stripVTControlCharacters(out).replaceAll(/\s/g, '')
    }
    assert.equal(await help(50), await help(400), command)
  }
})

test('with colours lines are folded where they are without', async () => {
  const help = async (color: boolean): Promise<string> => {
    const { out } = await dure(['check', 'placement', '--help'], { columns: 50, color })
    return stripVTControlCharacters(out).replaceAll(/ +$/gm, '')
  }
  assert.equal(await help(true), await help(false))
})
