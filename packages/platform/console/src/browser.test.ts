import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { accessible, fits, openBrowser, openPage, picture, skip } from '@dure/testing/browser'
import { goTo } from './go-to.test-support.ts'
import { openOnce } from './open-once.test-support.ts'
import { openShop, POISON } from './shop.test-support.ts'

const how = { skip, timeout: 300_000 }
const browser = openOnce(openBrowser)
const shopOnce = openOnce(openShop)

test('a link opens the system: its services, its health, its processes; the token leaves the address', how, async () => {
  const shop = await shopOnce()
  await shop.place('1')
  const link = shop.link()
  await using seen = await openPage(await browser(), link)
  const { page, wrong } = seen
  await page.locator('.map .node', { hasText: 'orders' }).waitFor()
  assert.equal(page.url(), `${shop.url}/`)
  assert.match(await page.locator('.head').innerText(), /All services are ready/)
  await page.locator('.map .node', { hasText: 'mail' }).focus()
  await page.keyboard.press('Enter')
  await page.locator('aside.detail h2', { hasText: 'mail' }).waitFor()
  assert.match(page.url(), /\?service=mail$/)
  await accessible(page)
  await picture(page, 'real-system')
  // The address says all of it.
  await page.reload()
  await page.locator('aside.detail h2', { hasText: 'mail' }).waitFor()
  await page.keyboard.press('Escape')
  await page.locator('aside.detail').waitFor({ state: 'detached' })
  assert.deepEqual(wrong, [])
  // The link is used: another browser is told what to do.
  await using other = await openPage(await browser(), link)
  await other.page.locator('h1', { hasText: 'This link was used' }).waitFor()
  await accessible(other.page)
})

test('a dead letter is found by the keyboard, mended with a reason, retried, and gone; what it says is text', how, async () => {
  const shop = await shopOnce()
  for (const id of ['1', '2', '3']) await shop.place(id, POISON)
  await shop.settled()
  await using seen = await openPage(await browser(), shop.link())
  const { page, wrong } = seen
  await page.locator('.map .node').first().waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('d')
  const group = page.locator('table[aria-label="Groups"] tbody tr').first()
  await group.waitFor()
  assert.match(await group.innerText(), /Cannot send mail/)
  await group.focus()
  await page.keyboard.press('Enter')
  const rows = page.locator('table[aria-label="Dead letters"] tbody tr')
  await rows.nth(2).waitFor()
  await rows.first().focus()
  await page.keyboard.press('Enter')
  const detail = page.locator('aside.detail')
  await detail.locator('.json').waitFor()
  assert.match(await detail.innerText(), /<img src=x onerror=alert\(1\)>/)
  assert.equal(await page.locator('img:not([src="/icon.svg"])').count(), 0)
  await accessible(page)

  await detail.getByRole('button', { name: 'Edit' }).click()
  const dialog = page.locator('dialog')
  await dialog.locator('textarea').fill('{"orderId":"1","note":')
  assert.equal(await dialog.getByRole('button', { name: 'Save' }).isDisabled(), true)
  await dialog.locator('textarea').fill('{ "orderId": "1", "note": "mended" }')
  assert.match(await dialog.locator('.diff .added').innerText(), /mended/)
  assert.equal(await dialog.getByRole('button', { name: 'Save' }).isDisabled(), true)
  await dialog.getByPlaceholder('For those who ask later').fill('주소 오류 "mended"')
  await accessible(page)
  await picture(page, 'real-edit')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.locator('.note', { hasText: 'Edited' }).waitFor()
  await detail.locator('li', { hasText: '주소 오류 "mended"' }).waitFor()

  // The rest is thrown away, the one that was mended is tried again.
  await detail.getByRole('button', { name: 'Retry' }).click()
  await page.locator('dialog').getByRole('button', { name: 'Retry' }).click()
  await page.locator('.note', { hasText: 'tried again' }).waitFor()
  await page.locator('.tools', { hasText: '2 letters' }).waitFor()
  await page.getByRole('button', { name: 'Discard all' }).click()
  const discard = page.locator('dialog').getByRole('button', { name: 'Discard' })
  assert.equal(await discard.isDisabled(), true)
  await page.locator('dialog').getByPlaceholder('For those who ask later').fill('no address')
  await discard.click()
  await page.locator('.state h2', { hasText: 'No dead letters' }).waitFor()
  assert.deepEqual(wrong, [])
})

test('events, breakers and pages drawn from contracts alone show a running system, on a telephone too', how, async () => {
  const shop = await shopOnce()
  await shop.place('1042')
  await shop.settled()
  await using seen = await openPage(await browser(), shop.link(), { width: 360, height: 740, dark: true, locale: 'ko-KR' })
  const { page, wrong } = seen
  await page.locator('.map .node').first().waitFor()
  await fits(page)
  await page.getByRole('button', { name: '메뉴' }).click()
  await page.getByRole('link', { name: '이벤트', exact: true }).click()
  await page.locator('tbody tr', { hasText: 'order.placed' }).click()
  await page.locator('tbody tr', { hasText: '1042' }).first().click()
  await page.locator('aside.detail .json', { hasText: '1042' }).waitFor()
  await fits(page)
  await accessible(page)
  await picture(page, 'real-event-narrow')
  for (const path of ['resilience', 'sagas', 'aggregates', 'models', 'settings', 'explorer', 'placement', 'schedules']) {
    await goTo(page, `/${path}`)
    await page.locator('.skeleton').waitFor({ state: 'detached' })
    await fits(page)
    await accessible(page)
    await picture(page, `real-${path}-narrow`)
  }
  // A question that has no answer is one that the page shows.
  assert.deepEqual(
    wrong.filter((text) => !/status of (?:4\d\d|501)/.test(text)),
    [],
  )
})

test('the audit log is proved in the browser, and says which line was changed by hand', how, async () => {
  const shop = await shopOnce()
  for (const id of ['1', '2', '3']) await shop.place(id, POISON)
  await shop.settled()
  const letters = shop.running.deadLetters('mail')!
  for (const { id } of await letters.list()) await letters.discard({ ids: [id] }, `no address of ${id}`, 'ida')
  await using seen = await openPage(await browser(), shop.link())
  const { page, wrong } = seen
  await page.locator('.map .node').first().waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('u')
  await page.locator('table[aria-label="Audit"] tbody tr').nth(2).waitFor()
  await page.getByRole('button', { name: 'Check the log' }).click()
  await page.locator('.banner', { hasText: 'The log is as it was written' }).waitFor()
  await accessible(page)
  await picture(page, 'real-audit')

  const changed = changeLine(shop.directory)
  await page.getByRole('button', { name: 'Check the log' }).click()
  await page.locator('.banner.bad', { hasText: `line ${changed} is not what was written` }).waitFor()
  await picture(page, 'real-audit-changed')
  assert.deepEqual(wrong, [])
})

/** Somebody with the file changes who did it. */
function changeLine(directory: string): number {
  const file = readdirSync(directory, { recursive: true, encoding: 'utf8' }).find((name) => /orders\.(?:db|sqlite)$/.test(name))!
  const database = new DatabaseSync(join(directory, file))
  const table = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%entry%' AND sql LIKE '%hash%'")
    .get() as { readonly name: string }
  const { seq } = database
    .prepare(`UPDATE "${table.name}" SET entry = replace(entry, 'ida', 'eve')
      WHERE seq = (SELECT max(seq) - 1 FROM "${table.name}" WHERE instr(entry, 'ida') > 0) RETURNING seq`)
    .get() as { readonly seq: number }
  database.close()
  return seq
}
