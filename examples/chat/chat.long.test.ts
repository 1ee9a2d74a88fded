import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { chromium, type Page } from 'playwright-core'

const executablePath = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
const skip = executablePath === undefined ? 'needs server: chromium' : false
const LONG = 120_000

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return String(port)
}

async function begin(t: TestContext, words: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--conditions=dure-source', join(import.meta.dirname, 'main.ts'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout!.on('data', (text: Buffer) => {
      said += text.toString()
      if (said.includes('The chat is at')) resolve()
    })
    child.once('exit', () => reject(new Error(`It ended: ${said}`)))
  })
  return child
}

const say = async (page: Page, text: string): Promise<void> => {
  await page.locator('#text').fill(text)
  await page.locator('button').click()
}
const lines = (page: Page): Promise<string[]> => page.locator('#messages li').allTextContents()

test(
  'two browsers talk; the server is killed and comes back: nothing is lost and nothing doubled',
  { skip, timeout: 10 * LONG },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-chat-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const words = [await freePort(), await freePort(), directory]
    const first = await begin(t, words)
    const browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] })
    t.after(() => browser.close())
    const open = async (name: string, room = 'lobby'): Promise<Page> => {
      const page = await browser.newPage()
      page.setDefaultTimeout(LONG)
      await page.goto(`http://127.0.0.1:${words[0]}/chat?room=${room}&name=${name}`)
      return page
    }
    const [sori, duri, other] = [await open('Sori'), await open('Duri'), await open('Mari', 'attic')]
    for (const page of [sori, duri]) await page.getByText('Here: Duri, Sori').waitFor()
    await say(sori, 'hello')
    await duri.getByText('Sori: hello').waitFor()
    await say(duri, 'hello, Sori')
    await sori.getByText('Duri: hello, Sori').waitFor()

    // What is said while it is being killed, and while it is away, is said once it is back.
    for (let n = 1; n <= 5; n++) await say(sori, `before ${n}`)
    first.kill('SIGKILL')
    await once(first, 'exit')
    for (let n = 1; n <= 5; n++) await say(duri, `away ${n}`)
    await begin(t, words)
    await say(sori, 'after')

    const expected = ['Sori: hello', 'Duri: hello, Sori', 'Sori: after']
    for (let n = 1; n <= 5; n++) expected.push(`Sori: before ${n}`, `Duri: away ${n}`)
    for (const page of [sori, duri]) {
      await page.locator(`#messages li:nth-child(${expected.length})`).waitFor()
      assert.deepEqual((await lines(page)).toSorted(), expected.toSorted())
    }
    assert.deepEqual(await lines(sori), await lines(duri))
    // Who comes now hears all of it, and what is said elsewhere stays there.
    const late = await open('Nuri')
    await late.locator(`#messages li:nth-child(${expected.length})`).waitFor()
    assert.deepEqual(await lines(late), await lines(sori))
    for (const page of [sori, late]) await page.getByText('Here: Duri, Nuri, Sori').waitFor()
    assert.deepEqual(await lines(other), [])
    await duri.close()
    await sori.getByText('Here: Nuri, Sori', { exact: false }).waitFor()
  },
)
