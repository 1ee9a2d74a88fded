import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporary } from '../../shell.test-support.ts'
import { editText } from './editor.ts'

/** An editor that notes which file it was given, and replaces what is in it. */
const editor = (notes: string, text: string): string =>
  `"${process.execPath}" -e "const f=process.argv[1];require('fs').writeFileSync('${notes}',f+' '+require('fs').statSync(f).mode.toString(8));require('fs').writeFileSync(f,'${text}')"`

test('a text is opened in the editor that the user wants, in a file of the user alone that is gone afterwards', async () => {
  const notes = join(temporary(), 'notes')
  const env = { VISUAL: editor(notes, 'after'), EDITOR: 'false' }
  assert.equal(await editText({ name: 'order/../placed.json', text: 'before', env }), 'after')
  const [file, mode] = readFileSync(notes, 'utf8').split(' ') as [string, string]
  assert.match(file, /[/\\]order_\.\._placed\.json$/)
  assert.equal(mode.slice(-3), '600')
  assert.equal(existsSync(file), false)
  assert.throws(() => statSync(join(file, '..')))
})

test('an editor that fails, or is not there, is said so', async () => {
  for (const EDITOR of ['false', 'no-such-editor-at-all'])
    await assert.rejects(
      editText({ name: 'x.json', text: '', env: { EDITOR } }),
      /Cannot edit with ".*": .*; set EDITOR to another/,
    )
})
