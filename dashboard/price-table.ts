import { element } from './element.ts'
import { formatChange, formatPrice } from './numbers.ts'
import type { Quote } from './quotes.ts'

interface Row {
  readonly row: HTMLTableRowElement
  readonly price: HTMLTableCellElement
  readonly change: HTMLTableCellElement
}

const FLASH_MS = 700

/** The table of live prices; a click, or Enter on the symbol, selects its row. */
export class PriceTable {
  readonly #rows = new Map<string, Row>()
  readonly #body = element('prices')
  readonly #onSelect: (symbol: string) => void
  #selected: string | undefined

  constructor(onSelect: (symbol: string) => void) {
    this.#onSelect = onSelect
  }

  show(quote: Quote): void {
    const { row, price, change } = this.#rows.get(quote.symbol) ?? this.#add(quote.symbol)
    price.textContent = formatPrice(quote.price, quote.digits)
    row.classList.toggle('stale', quote.stale)
    row.title = quote.stale ? 'Its source has not confirmed this price lately.' : ''
    showChange(change, quote)
    if (quote.direction) flash(price, quote.direction)
  }

  select(symbol: string): void {
    this.#selected = symbol
    for (const [other, { row }] of this.#rows) row.ariaCurrent = String(other === symbol)
  }

  #add(symbol: string): Row {
    element('no-prices').hidden = true
    const row = document.createElement('tr')
    const name = document.createElement('th')
    name.scope = 'row'
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = symbol
    name.append(button)
    const [price, change] = [document.createElement('td'), document.createElement('td')]
    price.className = 'number'
    change.className = 'number'
    row.append(name, price, change)
    row.ariaCurrent = String(symbol === this.#selected)
    row.addEventListener('click', () => this.#onSelect(symbol))
    this.#body.append(row)
    const added = { row, price, change }
    this.#rows.set(symbol, added)
    return added
  }
}

/** Writes the change since midnight, in its colour. */
export function showChange(cell: HTMLElement, { change }: Pick<Quote, 'change'>): void {
  cell.textContent = change === undefined ? '' : formatChange(change)
  cell.classList.toggle('up', (change ?? 0) > 0)
  cell.classList.toggle('down', (change ?? 0) < 0)
}

function flash(cell: HTMLElement, direction: 'up' | 'down'): void {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return
  const color = getComputedStyle(cell).getPropertyValue(`--${direction}-flash`)
  for (const running of cell.getAnimations()) running.cancel()
  // A shadow, not the background: Chromium paints a row's own background away under a cell whose background moves.
  const shadow = `inset 0 0 0 100vmax ${color}`
  cell.animate([{ boxShadow: shadow }, { boxShadow: 'inset 0 0 0 100vmax transparent' }], { duration: FLASH_MS })
}
