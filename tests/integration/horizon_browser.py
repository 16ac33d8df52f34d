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
MENU = "//*[@id='sidebar-accordion']"


def browser():
    options = webdriver.ChromeOptions()
    for option in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1280,800"):
        options.add_argument(f"--{option}")
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def opened(wait, *names):
    """Click through the menu on the left; a part that is open already is left so."""
    for name in names:
        part = wait.until(expect.element_to_be_clickable((By.XPATH, f"{MENU}//a[normalize-space()='{name}']")))
        if "collapsed" in part.get_attribute("class").split():
            part.click()


def main(url, screenshot):
    user = json.loads(sys.stdin.readline())
    driver = browser()
    wait = WebDriverWait(driver, PATIENCE)
    try:
        driver.get(f"{url}/auth/login/")
        wait.until(expect.element_to_be_clickable((By.ID, "id_username"))).send_keys(user["user"])
        driver.find_element(By.ID, "id_password").send_keys(user["password"])
        driver.find_element(By.ID, "loginBtn").click()
        opened(wait, "Project", "Network")
        panel = (By.XPATH, f"{MENU}//a[contains(@href, '/project/load_balancer')]")
        wait.until(expect.element_to_be_clickable(panel)).click()
        rows = (By.CSS_SELECTOR, "table tbody tr a[href*='project/load_balancer/']")
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
