import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { playPage, type Played } from './play.ts'

async function play(t: TestContext, page: string): Promise<{ readonly well: boolean; readonly told: readonly Played[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-tutorial-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const told: Played[] = []
  const well = await playPage({ page: page.replaceAll('~~~', '```'), name: 'page', folder, tell: (played) => told.push(played) })
  return { well, told }
}

test('a page is followed in its order: folders, files, what stays, what runs beside, what is waited for, what fails', async (t) => {
  const { well, told } = await play(
    t,
    `
~~~sh
mkdir mine && cd mine && mkdir src && echo 'export const port = 8080' > src/system.ts
~~~

~~~ts made
// src/system.ts
export const port = 8080
~~~

~~~ts
// src/served.ts
served
~~~

~~~sh stays
echo ready; trap 'echo bye > left; exit 0' INT; while [ ! -e asked ]; do sleep 0.05; done; echo asked; while :; do sleep 0.05; done
~~~

~~~text
ready
~~~

~~~sh beside
while [ ! -e asked ]; do sleep 0.05; done; echo done
~~~

~~~sh until
[ -e twice ] && cat src/served.ts || touch twice
~~~

~~~text
served
~~~

~~~sh
touch asked
~~~

~~~text stays
asked
~~~

~~~text beside
done
~~~

~~~sh fails
exit 3
~~~

~~~sh stopped
cat left
~~~

~~~text
bye
~~~
`,
  )
  assert.deepEqual(
    told.filter(({ wrong }) => wrong !== undefined),
    [],
  )
  assert.ok(well && told.length === 11, `${told.length} steps`)
})

for (const [what, page, wrong] of [
  ['another output', '~~~sh\necho 1\n~~~\n\n~~~text\n2\n~~~\n', /The page says:\n2\n\nIt is:\n1/],
  ['a command that fails', '~~~sh\necho no; exit 3\n~~~\n', /It ended with 3:\nno/],
  ['one that should have failed', '~~~sh fails\necho yes\n~~~\n', /It ended with 0:\nyes/],
  ['one that stays and ends', '~~~sh stays\necho no\n~~~\n\n~~~text\nready\n~~~\n', /It has ended:\nno/],
  [
    'a file that is otherwise',
    "~~~sh\nmkdir src && echo 'let a' > src/a.ts\n~~~\n\n~~~ts made\n// src/a.ts\nlet b\n~~~\n",
    /It is:\nlet a/,
  ],
] as const)
  test(`a page is wrong about ${what}, and is told so`, async (t) => {
    const { well, told } = await play(t, page)
    assert.ok(!well)
    assert.match(told.at(-1)!.wrong!, wrong)
  })
