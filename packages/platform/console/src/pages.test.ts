import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookAtPages, TRACE } from './all-pages.test-support.ts'
import { accessible, openBrowser, openPage, skip } from '@dure/testing/browser'
import { openRecorded } from './recorded-server.test-support.ts'
import { recorded } from './recorded.test-support.ts'
import { openOnce } from './open-once.test-support.ts'

const how = { skip, timeout: 600_000 }
const browser = openOnce(openBrowser)

test('every page: axe finds nothing, nothing is too wide, no error, no violation of the policy', how, async () => {
  await lookAtPages(await browser(), 'light', 'all')
})

test('every page, dark and in production: its colours can be told apart', how, async () => {
  await lookAtPages(await browser(), 'dark', 'colours')
})

test('every page, in Korean on a telephone: nothing is too wide, all is named', how, async () => {
  await lookAtPages(await browser(), 'narrow', 'structure')
})

test('a viewer is shown nothing to change', how, async () => {
  await using server = await openRecorded({ role: 'viewer' })
  await using seen = await openPage(await browser(), `${server.url}/letters/letter-0000000b?by=each`)
  const { page } = seen
  await page.locator('aside.detail .json').waitFor()
  assert.equal(await page.getByRole('button', { name: /Retry|Discard|Edit/ }).count(), 0)
})

test(
  'whom each process leaves out is said first, with what its retry budget has left, and changes as it is told',
  how,
  async () => {
    await using server = await openRecorded()
    await using seen = await openPage(await browser(), `${server.url}/resilience`)
    const { page, wrong } = seen
    await page.getByRole('button', { name: 'Instances and budgets · 2 left out' }).click()
    const rows = page.locator('table[aria-label="Instances"] tbody tr')
    await rows.nth(2).waitFor()
    const [first, second, last] = await rows.allInnerTexts()
    assert.match(first!, /^order\s+stock\s+2 of 3\s*left out\s+unix:\/run\/shop\/stock-1\.sock\s+63\s+63\s+4\s+1$/)
    assert.match(second!, /^doors\s+stock\s+2 of 3\s*on trial\s+unix:\/run\/shop\/stock-2\.sock\s+26\s/)
    assert.match(last!, /^cart\+product\s+stock\s+3 of 3\s+–\s+100\s/)
    await rows.first().focus()
    await page.keyboard.press('Enter')
    await page.locator('aside.detail section', { hasText: 'stock-1.sock left out' }).waitFor()
    assert.match(page.url(), /by=instances&peers=order/)
    await accessible(page)
    await page.keyboard.press('Escape')
    await page.locator('aside.detail').waitFor({ state: 'detached' })
    assert.deepEqual(wrong, [])

    // What the stream tells counts, not what was read when the page came.
    const { show } = recorded['resilience']!
    const { calls, peers } = show!({}) as { readonly calls: unknown; readonly peers: readonly { readonly from: string }[] }
    const watch = (): object => ({ calls, peers: peers.filter(({ from }) => from === 'doors') })
    await using later = await openRecorded({ answers: { ...recorded, resilience: { show: show!, watch } } })
    await using told = await openPage(await browser(), `${later.url}/resilience?by=instances`)
    await told.page.getByRole('button', { name: 'Instances and budgets · 1 left out' }).waitFor()
    assert.equal(await told.page.locator('table[aria-label="Instances"] tbody tr').count(), 1)
  },
)

test('a saga that has paused is decided about, with a reason; a viewer only sees it', how, async () => {
  await using server = await openRecorded()
  await using seen = await openPage(await browser(), `${server.url}/sagas`)
  const { page, wrong } = seen
  const rows = page.locator('table[aria-label="Sagas"] tbody tr')
  await rows.first().waitFor()
  assert.match(
    await rows.first().innerText(),
    /order-2[^]*paused[^]*the provider answered 500/,
    'what waits for a person comes first',
  )
  await rows.first().focus()
  await page.keyboard.press('Enter')
  const detail = page.locator('aside.detail')
  await detail.locator('.saga li', { hasText: 'signed' }).waitFor()
  const steps = await detail.locator('.saga li').allInnerTexts()
  assert.deepEqual(
    steps.map((text) => /(done|undone|refused|under way|waiting)/.exec(text)![1]),
    ['done', 'undone', 'refused', 'under way', 'waiting'],
  )
  await detail.getByRole('button', { name: 'Take as done' }).click()
  const dialog = page.locator('dialog')
  await dialog.locator('textarea').fill('{ "parcel": 7 }')
  const act = dialog.getByRole('button', { name: 'Take as done' })
  assert.equal(await act.isDisabled(), true, 'not without a reason')
  await dialog.getByPlaceholder('For those who ask later').fill('sent by hand')
  await accessible(page)
  await act.click()
  await page.locator('.note', { hasText: 'Decided' }).waitFor()
  assert.ok(
    server.asked.includes('sagas.skip {"saga":"checkout","id":"order-2","result":{"parcel":7}} sent by hand'),
    server.asked.filter((one) => one.startsWith('sagas')).join('; '),
  )
  assert.deepEqual(wrong, [])
  await using looks = await openRecorded({ role: 'viewer' })
  await using viewer = await openPage(await browser(), `${looks.url}/sagas/checkout/order-2`)
  await viewer.page.locator('aside.detail .saga li').first().waitFor()
  assert.equal(await viewer.page.getByRole('button', { name: /Resume|Compensate|Take as done/ }).count(), 0)
})

test('an operation is called from its form, and the same call is there for others', how, async () => {
  await using server = await openRecorded()
  await using seen = await openPage(await browser(), `${server.url}/explorer`)
  const { page, wrong } = seen
  await page.locator('tbody tr', { hasText: 'find' }).click()
  const detail = page.locator('aside.detail')
  await detail.getByLabel(/orderId/).fill("o'7")
  const texts = await detail.locator('pre').allInnerTexts()
  assert.deepEqual(texts, [
    `curl "$URL"'/orders/o'\\''7' -H "authorization: Bearer $TOKEN"`,
    "// needs: { order: Order }\nconst answer = await order.find({ orderId: 'o\\'7' })",
    `npx dure call order.find '{"orderId":"o'\\''7"}'`,
  ])
  await detail.getByRole('button', { name: 'Call' }).click()
  await detail.locator('.outcome .json', { hasText: 'paid' }).waitFor()
  await detail.getByLabel(/orderId/).fill('0')
  await detail.getByRole('button', { name: 'Call' }).click()
  await detail.locator('.outcome .bad', { hasText: 'ORDER_UNKNOWN' }).waitFor()
  await accessible(page)
  assert.deepEqual(wrong, [])
})

test('a trace is walked, folded, searched and enlarged by keys alone', how, async () => {
  await using server = await openRecorded()
  await using seen = await openPage(await browser(), `${server.url}/traces/${TRACE}`)
  const { page, wrong } = seen
  const tree = page.getByRole('tree')
  await tree.focus()
  const chosen = (): Promise<string> => page.locator('#span-chosen').innerText()
  await page.keyboard.press('ArrowDown')
  assert.match(await chosen(), /checkout/)
  await page.keyboard.press('ArrowLeft')
  assert.equal(await page.locator('#span-chosen').getAttribute('aria-expanded'), 'false')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowRight')
  assert.equal(await page.locator('#span-chosen').getAttribute('aria-level'), '2')
  await page.keyboard.press('Enter')
  await page.locator('aside.detail dl').first().waitFor()
  assert.match(page.url(), /span=[0-9a-f]{16}/)
  await page.keyboard.press('Escape')
  await page.keyboard.press('/')
  await page.keyboard.type('failed')
  await page.locator('.tools', { hasText: /\d+ found/ }).waitFor()
  await tree.focus()
  await page.keyboard.press('n')
  assert.match(await chosen(), /failed/)
  for (const key of ['+', '+', '0', 'End', 'Home']) await page.keyboard.press(key)
  assert.match(await chosen(), /checkout/)
  assert.deepEqual(wrong, [])
})
