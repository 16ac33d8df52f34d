"""
A user of Horizon, in a real browser: logs in, opens Project, Network, Load Balancers, and tells what is listed there.

It runs in the machine that has Horizon, with Debian's Python, selenium and chromium:
``horizon_browser.py URL SCREENSHOT``, user and password on standard input.
"""

import json
import os
import sys

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expect
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 120


def browser():
    options = webdriver.ChromeOptions()
    for option in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1280,800"):
        options.add_argument(f"--{option}")
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def opened(wait, *names):
    """Click through the menu on the left; a part that is open already is left so."""
    for name in names:
        link = wait.until(expect.presence_of_element_located((By.XPATH, f"//nav//a[normalize-space()='{name}']")))
        if link.get_attribute("aria-expanded") != "true":
            link.click()
            wait.until(lambda _driver, link=link: link.get_attribute("aria-expanded") != "false")


def main(url, screenshot):
    user = json.loads(sys.stdin.readline())
    driver = browser()
    wait = WebDriverWait(driver, PATIENCE)
    try:
        driver.get(f"{url}/auth/login/")
        wait.until(expect.element_to_be_clickable((By.ID, "id_username"))).send_keys(user["user"])
        driver.find_element(By.ID, "id_password").send_keys(user["password"])
        driver.find_element(By.ID, "loginBtn").click()
        wait.until(
            expect.presence_of_element_located((By.CSS_SELECTOR, "nav a[href*='/auth/logout'], a[href*='logout']"))
        )
        opened(wait, "Project", "Network")
        wait.until(
            expect.element_to_be_clickable((By.XPATH, "//nav//a[contains(@href, '/project/load_balancer')]"))
        ).click()
        rows = (By.CSS_SELECTOR, "table tbody tr a[href*='/project/load_balancer/']")
        names = [each.text for each in wait.until(expect.visibility_of_all_elements_located(rows))]
        print(json.dumps({"title": driver.title, "names": names}))
    except Exception:
        print(driver.current_url, driver.find_element(By.TAG_NAME, "body").text[:2000], file=sys.stderr)
        raise
    finally:
        driver.save_screenshot(screenshot)
        driver.quit()


if __name__ == "__main__":
    os.environ["HOME"] = "/tmp"
    main(*sys.argv[1:])
