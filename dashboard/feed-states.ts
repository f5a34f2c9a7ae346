import type { StatusMessage } from '../src/client/browser.ts'
import { element } from './element.ts'

/** A line of the page that says how each feed and each tier of the gateway is. */
export class FeedStates {
  readonly #list = element('feeds')
  readonly #items = new Map<string, HTMLLIElement>()

  show({ feed, tier, state, since, reason }: StatusMessage): void {
    const name = feed ?? tier
    if (name === undefined) return
    const item = this.#items.get(name) ?? this.#add(name)
    item.dataset.state = state
    item.textContent = state === 'live' ? name : `${name} ${state}`
    item.title = `${reason ?? state}, since ${new Date(since).toLocaleString()}`
  }

  #add(name: string): HTMLLIElement {
    const item = document.createElement('li')
    item.className = 'state'
    this.#list.append(item)
    this.#items.set(name, item)
    return item
  }
}
