import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CATALOG_FILES, freightOf, priceOf, readCategories, readProducts, readSellers } from './catalog-files.ts'
import { collectRejects, type Rejects } from './rejects.ts'

const folder = mkdtempSync(join(tmpdir(), 'dure-catalog-'))
after(() => rmSync(folder, { recursive: true }))

function directory(files: Partial<Record<keyof typeof CATALOG_FILES, string>>): string {
  const made = mkdtempSync(join(folder, 'd'))
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(made, CATALOG_FILES[name as keyof typeof CATALOG_FILES]), text)
  return made
}

const dirt = (rejects: Rejects): string[] =>
  rejects.summary().reasons.flatMap(({ reason, first }) => first.map(({ line, detail }) => `${line} ${reason} ${detail}`))

const HEADER =
  '"product_id","product_category_name","product_name_lenght","product_description_lenght","product_photos_qty",' +
  '"product_weight_g","product_length_cm","product_height_cm","product_width_cm"\n'

test('products: English categories, the ids of their rows, and every kind of dirt skipped alone', async () => {
  const rejects = collectRejects({ keep: 50 })
  const rows = [
    'p1,artes,1,1,1,1000,30,18,20',
    'p2,,,,,500,10,10,10',
    'p3,pc_gamer,1,1,1,500,10,10,10',
    ',artes,1,1,1,500,10,10,10',
    'p5,artes,1,1,1,,10,10,10',
    'p6,artes,1,1,1,heavy,10,10,10',
    'p7,artes,1,1,1,-5,10,10,10',
    'p1,artes,1,1,1,1000,30,18,20',
    'p9,artes,1,1,1,500,10,10',
    '"p10,artes,1,1,1,500,10,10,10',
    'p11,artes,1,1,1,0,16,10,14',
  ]
  const found = []
  const categories = new Map([['artes', 'art']])
  const options = { directory: directory({ products: HEADER + rows.join('\n') }), categories, seed: 1, rejects }
  for await (const product of readProducts(options)) found.push(product)
  assert.deepEqual(
    found.map(({ id, original, category }) => [id, original, category]),
    [
      [1, 'p1', 'art'],
      [2, 'p2', 'uncategorised'],
      [3, 'p3', 'pc_gamer'],
      [11, 'p11', 'art'],
    ],
  )
  assert.deepEqual(dirt(rejects), [
    '3 NO_CATEGORY p2',
    '4 UNKNOWN_CATEGORY pc_gamer',
    '5 EMPTY_CELL product_id',
    '6 EMPTY_CELL product_weight_g',
    '7 NOT_A_NUMBER product_weight_g "heavy"',
    '8 OUT_OF_RANGE product_weight_g -5',
    '9 DUPLICATE p1',
    '10 WRONG_COLUMN_COUNT 8 cells instead of 9: p9,artes,1,1,1,500,10,10',
    '11 BROKEN_QUOTE "p10,artes,1,1,1,500,10,10,10',
  ])
  assert.deepEqual([rejects.summary().rejected, rejects.summary().noticed], [7, 2])
})

test('sellers: the prefix gets its zeros back, dirt is skipped alone', async () => {
  const rejects = collectRejects({ keep: 50 })
  const sellers =
    'seller_id,seller_zip_code_prefix,seller_city,seller_state\n' +
    's1,4195,sao paulo,SP\ns2,xyz,sao paulo,SP\ns1,4195,sao paulo,SP\ns4,12345,,SP\ns5,13023,são paulo,SP\n'
  const found = []
  for await (const seller of readSellers(directory({ sellers }), rejects))
    found.push([seller.id, seller.original, seller.zip, seller.city])
  assert.deepEqual(found, [
    [1, 's1', '04195', 'sao paulo'],
    [5, 's5', '13023', 'são paulo'],
  ])
  assert.deepEqual(dirt(rejects), ['3 NOT_A_NUMBER seller_zip_code_prefix "xyz"', '4 DUPLICATE s1', '5 EMPTY_CELL seller_city'])
})

test('categories: with a byte order mark; a second translation of one name is dirt', async () => {
  const rejects = collectRejects()
  const categories = '\uFEFFproduct_category_name,product_category_name_english\nartes,art\nartes,arts\nbebes,\n'
  const names = await readCategories(directory({ categories }), rejects)
  assert.deepEqual([...names], [['artes', 'art']])
  assert.equal(rejects.summary().rejected, 2)
})

test('a directory without the files is a clear error', async () => {
  await assert.rejects(
    readCategories(join(folder, 'nowhere'), collectRejects()),
    /olist_category_translation.csv": there is no such file/,
  )
})

test('prices grow with size, stay within bounds, and the same seed gives the same', async () => {
  assert.ok(priceOf({ weight: 2000, volume: 9000 }, 0.5) > priceOf({ weight: 200, volume: 900 }, 0.5))
  assert.equal(priceOf({ weight: 1_000_000, volume: 1e9 }, 0.9), 999.99)
  assert.equal(freightOf({ weight: 1_000_000, volume: 1e9 }, 0.9), 99.99)
  assert.equal(priceOf({ weight: 0, volume: 0 }, 0), 2.5)
  const prices = async (seed: number): Promise<number[]> => {
    const list = []
    const products = HEADER + Array.from({ length: 20 }, (_, i) => `p${i},artes,1,1,1,1000,30,18,20`).join('\n')
    const options = { directory: directory({ products }), categories: new Map(), seed, rejects: collectRejects() }
    for await (const { price } of readProducts(options)) list.push(price)
    return list
  }
  const first = await prices(1)
  assert.deepEqual(await prices(1), first)
  assert.notDeepEqual(await prices(2), first)
  assert.ok(new Set(first).size > 10)
  for (const price of first) assert.equal(Math.round(price * 100) / 100, price)
})
