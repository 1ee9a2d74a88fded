/** An import that cannot begin or go on: a missing file, a foreign header, a system that refuses everything. Bad rows are no error. */
export class ImportError extends Error {
  override readonly name = 'ImportError'
}

/** Why a row was skipped. */
export const REJECT_REASONS = {
  NOT_UTF8: 'the line is not UTF-8 text',
  LINE_TOO_LONG: 'the line is longer than 65,536 characters',
  BROKEN_QUOTE: 'a quote is opened or closed where it must not be',
  WRONG_COLUMN_COUNT: 'the row has more or fewer cells than the header',
  EMPTY_CELL: 'a cell that matters is empty',
  NOT_A_NUMBER: 'a cell that must be a number is none',
  OUT_OF_RANGE: 'a number is beyond what can be meant',
  TOO_LONG: 'a cell is longer than 200 characters',
  DUPLICATE: 'an earlier row has the same id',
  CANCELLATION: 'the invoice is a cancellation, which orders nothing',
  ADJUSTMENT: 'the invoice is an adjustment of debts, which orders nothing',
  QUANTITY_NOT_POSITIVE: 'the quantity is zero or negative: a return or a correction',
  PRICE_NOT_POSITIVE: 'the price is zero or negative: nothing was sold',
  SCATTERED_INVOICE: 'lines of this invoice stood further up; lines of one invoice must stand together',
  NO_CUSTOMER: 'no customer is named',
  REFUSED: 'the marketplace refused it',
} as const
export type RejectReason = keyof typeof REJECT_REASONS

/** What is worth a word but costs no row. */
export const NOTICE_REASONS = {
  UNKNOWN_CATEGORY: 'the category has no English name; its Portuguese name is kept',
  NO_CATEGORY: 'the product has no category; it is filed under "uncategorised"',
  SOLD_BELOW_LIST: "the line's price is below the highest one of its stock code; the difference became a voucher",
  MERGED_LINE: 'the invoice has the stock code twice; the quantities were added up',
  CUSTOMER_CHANGED: 'a line of the invoice names another customer than its first line; the first counts',
} as const
export type NoticeReason = keyof typeof NOTICE_REASONS
