import type { Api } from '../server/api.js';
import { platformsIn } from '../tasks/platforms.js';
import type { Task } from '../tasks/task.js';
import type { Words } from '../words/language.js';
import { byId } from './elements.js';
import { type PlatformSection, platformSection } from './platform-section.js';
import type { PushesView } from './pushes-view.js';

export interface PlatformsView {
  /** Discards the authorizers that were read with another key. */
  forget(): void;
  /**
   * Draws the lists.
   *
   * @param tasks - the tasks among which the platforms are; `undefined` if none were read.
   * @param appOf - returns what is known of the pushes to an app.
   */
  draw(now: number, words: Words, tasks: readonly Task[] | undefined, appOf: PushesView['appOf']): void;
}

/**
 * Shows the accounts that have authorized the platforms. They are read when the list is opened, and not again until then.
 *
 * @param publicUrl - the URL under which merchants reach their pages; `undefined` if there are none.
 */
export function platformsView(api: Api, publicUrl: string | undefined, onRead: () => void): PlatformsView {
  const details = byId('platforms', HTMLDetailsElement);
  const list = byId('platforms-list', HTMLElement);
  const sections = new Map<string, PlatformSection>();

  details.addEventListener('toggle', () => {
    if (details.open) for (const section of sections.values()) void section.readAnew();
  });

  function added(appid: string): PlatformSection {
    const read: Parameters<typeof platformSection>[0]['read'] = (after) => api.authorizers(appid, after);
    const section = platformSection({ appid, publicUrl, read, onRead });
    sections.set(appid, section);
    list.append(section.element);
    if (details.open) void section.readAnew();
    return section;
  }

  return {
    forget() {
      details.open = false;
      sections.clear();
      list.replaceChildren();
    },
    draw(now, words, tasks = [], appOf) {
      const platforms = platformsIn(tasks);
      details.hidden = platforms.length === 0;
      for (const [appid, { element }] of sections) {
        if (platforms.includes(appid)) continue;
        element.remove();
        sections.delete(appid);
      }
      for (const appid of platforms) (sections.get(appid) ?? added(appid)).draw(now, words, appOf(appid));
    },
  };
}
